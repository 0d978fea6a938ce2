"""Leave violations to the metrics."""

from __future__ import annotations

from perfkit.model import Violation


class MetricsOnlySink:
    """Tells nobody: the counters of verdicts have counted the violation before any sink has it.

    For budgets that are watched on a dashboard and are not to disturb anybody.
    """

    destination = "metrics"

    def emit(self, violation: Violation) -> None:
        """Do nothing."""
