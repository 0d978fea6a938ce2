"""The monitor that the settings ask for: there is one at the most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from perfkit.errors import ConfigurationError
from perfkit.instruments.monitor import monitor, seconds_of

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


def wanted_monitor(chosen: Any, interval: str | float | None) -> Wanted | None:
    """Return what `chosen` means: names, True for every budget of the process, False for none.

    Raises:
        ConfigurationError: If it is none of these, or the interval cannot be read.
    """
    seconds = seconds_of(1.0 if interval is None else interval)
    if chosen is None or chosen is False:
        return None
    if chosen is True:
        return (), seconds
    names = (chosen,) if isinstance(chosen, str) else chosen
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ConfigurationError(f"monitor is {chosen!r}; write True, a name, or a list of names")
    return tuple(names), seconds
