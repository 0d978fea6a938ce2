"""Leave violations to the metrics."""

from __future__ import annotations

from perfkit.model import Violation


class MetricsOnlySink:
    """Does nothing: verdicts are counted before a sink receives the violation.

    For budgets that are watched on a dashboard only.
    """

    destination = "metrics"

    def emit(self, violation: Violation) -> None:
        """Do nothing."""
