"""Which violations go to which sinks, as data."""

from __future__ import annotations

from fnmatch import fnmatchcase

from attrs import frozen

from perfkit.model.verdict import Severity, Violation


@frozen(kw_only=True)
class Route:
    """Send the violations that match every given condition to some sinks.

    Args:
        sinks: Names of sinks; empty means that these violations go nowhere.
        budget: A glob on the budget's name, such as ``"session_*"``; None matches all.
        category: The budget's category; None matches all.
        severity: The least severity that matches; None matches `warning` and above.
    """

    sinks: tuple[str, ...]
    budget: str | None = None
    category: str | None = None
    severity: Severity | None = None

    def matches(self, violation: Violation) -> bool:
        """Tell whether `violation` is one of those that this route is for."""
        return (
            (self.budget is None or fnmatchcase(violation.budget.name, self.budget))
            and (self.category is None or violation.budget.category == self.category)
            and violation.severity.rank >= (self.severity or Severity.WARNING).rank
        )
