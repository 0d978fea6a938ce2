"""The monitor that the settings ask for: there is one at the most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perfkit.catalog import CatalogSettings
from perfkit.instruments.monitor import monitor

if TYPE_CHECKING:
    from perfkit.runtime.process_monitor import Monitor

Wanted = tuple[tuple[str, ...], float]
"""Names of budgets, and the interval in seconds."""


class Monitoring:
    """The monitor that the settings ask for."""

    def __init__(self) -> None:
        self.wanted: Wanted | None = None
        self.monitor: Monitor | None = None

    def use(self, wanted: Wanted | None) -> None:
        """Let there be a monitor of these names and this interval, or none; what is so, stays."""
        if wanted == self.wanted:
            return
        if self.monitor is not None:
            self.monitor.stop()
        self.wanted, self.monitor = wanted, None
        if wanted is not None:
            self.monitor = monitor(*wanted[0], interval=wanted[1])
            self.monitor.start()


monitoring: Final = Monitoring()
"""The process's one."""


def wanted_monitor(chosen: CatalogSettings) -> Wanted | None:
    """Return the names and the interval that the settings ask for; no names for all budgets."""
    if not chosen.monitor:
        return None
    names = chosen.monitor if isinstance(chosen.monitor, tuple) else ()
    return names, chosen.monitor_interval or 1.0
