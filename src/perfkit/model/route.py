"""The routes from violations to sinks, as data."""

from __future__ import annotations

from fnmatch import fnmatchcase

from attrs import field, frozen

from perfkit.errors import ConfigurationError
from perfkit.model.protocols import Sink
from perfkit.model.verdict import Severity, State
from perfkit.model.violation import Violation


def _is_no_text(_: object, __: object, sinks: object) -> None:
    """Refuse a single name: its letters would become the names."""
    if isinstance(sinks, str):
        example = sinks if sinks.isprintable() else "log"
        raise ConfigurationError(f'sinks is a text; write sinks=["{example}"]')


@frozen(kw_only=True)
class Route:
    """Send the violations that match all its conditions to some sinks.

    Globs are those of `fnmatch`, such as ``"session_*"``; None matches all.

    Args:
        sinks: Names of sinks, or sinks; with none, these violations are dropped.
        name: The route's name, for ``perfkit sinks test --route``; empty for none.
        budget: A glob on the budget's name.
        category: A glob on the budget's category.
        metric: A glob on the metric, such as ``"memory_*"``.
        severity: The least severity that matches; None matches `warning` and above.
        state: The one state that matches, `degraded` or `violated`. A recovery counts as the state
            that ended, so that it is sent to the sinks of its violation.
        environment: A glob on the environment that the application runs in.

    Raises:
        ConfigurationError: If `sinks` is a text.
    """

    sinks: tuple[str | Sink, ...] = field(validator=_is_no_text)
    name: str = ""
    budget: str | None = None
    category: str | None = None
    metric: str | None = None
    severity: Severity | None = None
    state: State | None = None
    environment: str | None = None

    def matches(self, violation: Violation) -> bool:
        """Return whether `violation` matches all conditions."""
        globs = (
            (self.budget, violation.budget.name),
            (self.category, violation.budget.category),
            (self.metric, violation.limit.metric),
            (self.environment, violation.environment),
        )
        # The state of a recovery is the new one, `met` or `degraded`: its violation had another.
        state = State.VIOLATED if violation.is_recovery else violation.state
        return (
            violation.severity.rank >= (self.severity or Severity.WARNING).rank
            and (self.state is None or state is self.state)
            and all(glob is None or fnmatchcase(text, glob) for glob, text in globs)
        )
