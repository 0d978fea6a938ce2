"""Report the process in OpenTelemetry metrics, named as in the semantic conventions for processes.

A metric is not reported if another instrumentation scope has an instrument of the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation

from perfkit.otel.telemetry import SCOPE

if TYPE_CHECKING:  # it loads psutil
    from perfkit.probes.process import ProcessTotals

_METRICS: Final = (
    ("counter", "process.cpu.time", "s", "Total CPU seconds broken down by different states."),
    ("up_down_counter", "process.memory.usage", "By", "The amount of physical memory in use."),
    ("up_down_counter", "process.memory.virtual", "By", "The amount of committed virtual memory."),
    ("counter", "process.disk.io", "By", "Disk bytes transferred."),
    ("up_down_counter", "process.thread.count", "{thread}", "Process threads count."),
    (
        "up_down_counter",
        "process.unix.file_descriptor.count",
        "{file_descriptor}",
        "Number of unix file descriptors in use by the process.",
    ),
)
_POINTS: Final[Mapping[str, Mapping[str, Mapping[str, str]]]] = {
    "process.cpu.time": {"cpu_user": {"cpu.mode": "user"}, "cpu_system": {"cpu.mode": "system"}},
    "process.memory.usage": {"rss": {}},
    "process.memory.virtual": {"virtual": {}},
    "process.disk.io": {
        "read": {"disk.io.direction": "read"},
        "written": {"disk.io.direction": "write"},
    },
    "process.thread.count": {"threads": {}},
    "process.unix.file_descriptor.count": {"open_files": {}},
}
"""The attributes of each point of a metric, by the key of its value in `ProcessTotals`."""

_observed: Final[WeakSet[MeterProvider]] = WeakSet()


def observe_process(provider: MeterProvider, totals: Callable[[], ProcessTotals | None]) -> None:
    """Report the process through `provider` at each collection while `totals` returns counters.

    Only the first call with a provider has an effect.
    """
    if provider in _observed:
        return
    _observed.add(provider)
    meter = provider.get_meter(SCOPE)
    for kind, name, unit, text in _METRICS:
        create = getattr(meter, f"create_observable_{kind}")
        create(name, [_callback(provider, name, totals)], unit, text)


def _callback(
    provider: MeterProvider, name: str, totals: Callable[[], ProcessTotals | None]
) -> Callable[[CallbackOptions], Iterator[Observation]]:
    def observe(_: CallbackOptions) -> Iterator[Observation]:
        # Checked at each collection: another instrumentation may start after perfkit does.
        if is_reported_elsewhere(provider, name) or (now := totals()) is None:
            return
        for key, attributes in _POINTS[name].items():
            if (value := now[key]) is not None:
                yield Observation(value, attributes)

    return observe


def is_reported_elsewhere(provider: MeterProvider, name: str) -> bool:
    """Return whether another scope has an instrument of this name.

    The SDK has no public API for this. Where its internals differ, return False.
    """
    # The instrument id of the SDK is a text that begins with the name in lower case, then a comma.
    # Both mappings are copied, because another thread may create a meter or an instrument.
    meters: Mapping[Any, Any] = getattr(provider, "_meters", None) or {}
    return any(
        str(identity).split(",", 1)[0].lower() == name
        for scope, meter in tuple(meters.items())
        if scope.name != SCOPE
        for identity in tuple(getattr(meter, "_instrument_ids", ()))
    )
