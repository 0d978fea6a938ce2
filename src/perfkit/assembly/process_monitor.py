"""Start and stop the process monitor that the settings request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perfkit.catalog import CatalogSettings
from perfkit.instruments.monitor import monitor

if TYPE_CHECKING:
    from perfkit.runtime.process_monitor import Monitor

Wanted = tuple[tuple[str, ...], float]
"""Names or globs of budgets, and the interval in seconds."""


class Monitoring:
    """The monitor that the settings request; at most one runs."""

    def __init__(self) -> None:
        self.wanted: Wanted | None = None
        self.monitor: Monitor | None = None

    def use(self, wanted: Wanted | None) -> None:
        """Run a monitor with these names and this interval; None stops it."""
        # An equal monitor continues: a restart would lose the samples of its windows.
        if wanted == self.wanted:
            return
        if self.monitor is not None:
            self.monitor.stop()
        self.wanted, self.monitor = wanted, None
        if wanted is not None:
            self.monitor = monitor(*wanted[0], interval=wanted[1])
            self.monitor.start()


monitoring: Final = Monitoring()
"""The monitoring of the process."""


def wanted_monitor(chosen: CatalogSettings) -> Wanted | None:
    """Return the requested names and interval; no names means all budgets. None: no monitor."""
    if not chosen.monitor:
        return None
    names = chosen.monitor if isinstance(chosen.monitor, tuple) else ()
    return names, chosen.monitor_interval or 1.0
