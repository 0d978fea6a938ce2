"""What stands between a violation and its sink, as data."""

from __future__ import annotations

from attrs import asdict, evolve, frozen

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
        """Return this policy, with what `usual` says where it is silent."""
        said = {
            name: value for name, value in asdict(self, recurse=False).items() if value is not None
        }
        return evolve(usual, **said)
