"""The layers between a violation and its sink, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import asdict, evolve, frozen

from perfkit.model.route import Route


@frozen(kw_only=True)
class Policy:
    """The delivery of violations to one sink. None means the default of the sink's type.

    Args:
        match: Only violations that match this route; its sinks do not count.
        rate_limit: The average number per second; 0 for no limit.
        burst: The largest number at once, at least 1.
        repeat_interval: Seconds until a violation like a delivered one is delivered again. 0 for no
            suppression, or, with `resolve_after`, for no repetition.
        resolve_after: Seconds without a violation after which an incident of single calls is
            resolved; 0 for no incidents.
        send_resolved: Whether a recovery is delivered when `resolve_after` ends an incident.
        batch_size: The number of violations to send together, at least 1.
        batch_wait: Seconds that the first of a batch waits for others, above 0.
        max_attempts: Attempts in all, at least 1.
        max_failures: Failures in a row that open the circuit breaker; 0 for never.
        failure_cooldown: Seconds that it stays open, above 0.
        background: Whether a thread of the sink's own delivers.
        queue_size: The largest number of violations in its queue, at least 1.
        when_full: ``"drop_oldest"`` or ``"drop_newest"``.
    """

    match: Route | None = None
    rate_limit: float | None = None
    burst: int | None = None
    repeat_interval: float | None = None
    resolve_after: float | None = None
    send_resolved: bool | None = None
    batch_size: int | None = None
    batch_wait: float | None = None
    max_attempts: int | None = None
    max_failures: int | None = None
    failure_cooldown: float | None = None
    background: bool | None = None
    queue_size: int | None = None
    when_full: str | None = None

    def over(self, default: Policy) -> Policy:
        """Return this policy, with the values of `default` where this one has None."""
        return evolve(default, **self.configured())

    def idle_over(self, default: Policy) -> Mapping[str, str]:
        """Return the values of this policy that have no effect, with the reason and a remedy.

        ``burst`` is part of a rate limit, so it has no effect where neither this policy nor
        `default` has one.
        """
        whole = self.over(default)
        return {
            key: f"does nothing without {needed}; write {needed} = {example} too, or leave it out"
            for key, (needed, example) in _PART_OF.items()
            if getattr(self, key) and not _has_effect(getattr(whole, needed), needed)
        }

    def configured(self) -> Mapping[str, Any]:
        """Return the values that are not None, by name."""
        values = asdict(self, recurse=False)
        return {name: value for name, value in values.items() if value is not None}


def _has_effect(value: float | None, key: str) -> bool:
    # A batch of 1 never waits for others; for all other keys 0 means off.
    return value is not None and value > (1 if key == "batch_size" else 0)


_PART_OF: Final[Mapping[str, tuple[str, str]]] = {
    "burst": ("rate_limit", '"10/min"'),
    "send_resolved": ("resolve_after", '"5m"'),
    "batch_wait": ("batch_size", "20"),
    "failure_cooldown": ("max_failures", "5"),
}
"""Keys that refine another one, with that key and an example of it."""
