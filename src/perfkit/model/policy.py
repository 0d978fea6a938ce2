"""What stands between a violation and its sink, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import asdict, evolve, frozen

from perfkit.errors import ConfigurationError
from perfkit.model.route import Route


@frozen(kw_only=True)
class Policy:
    """How violations are handed to one sink. None means what is usual for its type.

    Args:
        only: Only violations that match it; its sinks do not count.
        rate_limit: How many in a second at the most, on average; 0 for no limit.
        burst: How many at once, at least 1.
        cooldown: Seconds during which one like the last is held back; 0 for none.
        quiet: Seconds without a violation after which single calls have recovered; 0 to say each
            violation and no recovery.
        repeat: Seconds after which violations that go on are said again; 0 for never.
        batch_size: How many violations to send together, at least 1.
        batch_wait: Seconds that the first of them waits for others, above 0.
        attempts: How often to try, at least 1.
        time_limit: Seconds that a delivery may take; 0 for no limit.
        failures: After how many failures in a row the sink is left alone for a while; 0 for never.
        failure_cooldown: For how many seconds, above 0.
        background: Whether violations are handed over in a thread of the sink's own.
        queue_size: How many may wait for that, at least 1.
        when_full: ``"drop_oldest"`` or ``"drop_newest"``.
    """

    only: Route | None = None
    rate_limit: float | None = None
    burst: int | None = None
    cooldown: float | None = None
    quiet: float | None = None
    repeat: float | None = None
    batch_size: int | None = None
    batch_wait: float | None = None
    attempts: int | None = None
    time_limit: float | None = None
    failures: int | None = None
    failure_cooldown: float | None = None
    background: bool | None = None
    queue_size: int | None = None
    when_full: str | None = None

    def over(self, usual: Policy) -> Policy:
        """Return this policy, with what `usual` says where it is silent.

        Raises:
            ConfigurationError: If it says something that does nothing; lists all that does not.
        """
        idle = self.idle_over(usual)
        if idle:
            raise ConfigurationError("\n".join(f"{key} {why}" for key, why in idle.items()))
        return evolve(usual, **self._said())

    def idle_over(self, usual: Policy) -> Mapping[str, str]:
        """Return what this policy says and what does nothing, with the reason and a remedy.

        ``burst`` is part of a rate limit, so that it does nothing where neither this policy nor
        `usual` has one.
        """
        whole = evolve(usual, **self._said())
        return {
            key: f"does nothing without {needed}; write {needed} = {example} too, or leave it out"
            for key, (needed, example) in _PART_OF.items()
            if getattr(self, key) and not _does_something(getattr(whole, needed), needed)
        }

    def _said(self) -> Mapping[str, Any]:
        said = asdict(self, recurse=False)
        return {name: value for name, value in said.items() if value is not None}


def _does_something(value: float | None, key: str) -> bool:
    return value is not None and value > (1 if key == "batch_size" else 0)


_PART_OF: Final[Mapping[str, tuple[str, str]]] = {
    "burst": ("rate_limit", '"10/min"'),
    "repeat": ("quiet", '"5m"'),
    "batch_wait": ("batch_size", "20"),
    "failure_cooldown": ("failures", "5"),
}
"""What says more of something else, with that and an example of it."""
