"""`monitor()`: evaluate the whole process against budgets."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from perfkit.errors import ConfigurationError, UnitError
from perfkit.units import Unit

if TYPE_CHECKING:
    from perfkit.runtime.process_monitor import Monitor


def monitor(*names: str, interval: str | float | timedelta | None = "1s") -> Monitor:
    """Sample the process at an interval within ``with``, and evaluate it against budgets.

    A sample has the resident memory, CPU utilization (1 is one core busy all the time), disk rates,
    and the number of threads and open files. The first reading of CPU and disks is discarded. While
    it runs, the process is reported under the ``process.*`` names of OpenTelemetry, unless
    the application does that already.

    Args:
        *names: Budgets of the catalog, by name or glob. Without any, every budget whose limits
            are all on metrics of a sample.
        interval: Between samples: ``"1s"``, a number of seconds, a timedelta; None for
            samples by `Monitor.sample` only.

    Raises:
        ConfigurationError: If the interval cannot be parsed or is not above zero.
        UnknownBudgetError: On entering, if a name matches no budget and ``unknown_budgets`` is
            ``"raise"``.

    >>> import perfkit
    >>> small = perfkit.Budget("small", memory_rss="64GB")
    >>> with perfkit.override(perfkit.Catalog(budgets=[small])):
    ...     with perfkit.monitor("small", interval=None) as process:
    ...         process.sample()
    ...         print([str(verdict.state) for verdict in perfkit.evaluate_windows()])
    ['met']
    """
    from perfkit.runtime.process_monitor import Monitor  # noqa: PLC0415 - loads psutil

    return Monitor(names, None if interval is None else _seconds_of(interval))


def _seconds_of(interval: str | float | timedelta) -> float:
    # Loaded for an interval in code only: most monitors are those of the settings.
    from perfkit.catalog.fields import to_base_unit  # noqa: PLC0415 - see above
    from perfkit.catalog.problems import Problems  # noqa: PLC0415 - see above

    try:
        seconds = to_base_unit(interval, Unit.SECONDS, Problems(in_code=True))
    except UnitError as error:
        raise ConfigurationError(f"interval: {error}") from None
    if not 0 < seconds < float("inf"):
        raise ConfigurationError(f"interval is {seconds} s; write one above zero, such as 1s")
    return seconds
