"""Report the process in OpenTelemetry metrics, named as in the semantic conventions for processes.

A metric is not reported if another instrumentation scope has an instrument of the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Protocol
from weakref import WeakSet

from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation

from perfkit.otel.providers import SCOPE


class Totals(Protocol):
    """Counters of the process; None if the platform does not provide one."""

    @property
    def cpu_user_s(self) -> float | None:
        """CPU time in user mode, in seconds."""

    @property
    def cpu_system_s(self) -> float | None:
        """CPU time in the kernel, in seconds."""

    @property
    def rss(self) -> int | None:
        """Resident memory, in bytes."""

    @property
    def virtual(self) -> int | None:
        """Virtual memory, in bytes."""

    @property
    def read_bytes(self) -> int | None:
        """Bytes read from disks."""

    @property
    def written_bytes(self) -> int | None:
        """Bytes written to disks."""

    @property
    def threads(self) -> int | None:
        """Number of threads."""

    @property
    def open_files(self) -> int | None:
        """Number of open file descriptors."""


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
_observed: Final[WeakSet[MeterProvider]] = WeakSet()


def observe_process(provider: MeterProvider, totals: Callable[[], Totals | None]) -> None:
    """Report the process through `provider` at each collection while a monitor samples it.

    Args:
        provider: The meter provider; only the first call with a provider has an effect.
        totals: Returns the counters of the process; None while it is not sampled.
    """
    if provider in _observed:
        return
    _observed.add(provider)
    meter = provider.get_meter(SCOPE)
    for kind, name, unit, text in _METRICS:
        create = getattr(meter, f"create_observable_{kind}")
        create(name, [_callback(provider, name, totals)], unit, text)


def _callback(
    provider: MeterProvider, name: str, totals: Callable[[], Totals | None]
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_: CallbackOptions) -> Iterator[Observation]:
        # Checked at each collection: another instrumentation may start after perfkit does.
        if is_reported_elsewhere(provider, name) or (now := totals()) is None:
            return
        for value, attributes in _points(name, now):
            if value is not None:
                yield Observation(value, attributes)

    return observe


def _points(name: str, now: Totals) -> Iterable[tuple[float | None, Mapping[str, str]]]:
    """Return each value of one metric with its attributes."""
    if name == "process.cpu.time":
        return (now.cpu_user_s, {"cpu.mode": "user"}), (now.cpu_system_s, {"cpu.mode": "system"})
    if name == "process.disk.io":
        return (
            (now.read_bytes, {"disk.io.direction": "read"}),
            (now.written_bytes, {"disk.io.direction": "write"}),
        )
    single = {
        "process.memory.usage": now.rss,
        "process.memory.virtual": now.virtual,
        "process.thread.count": now.threads,
        "process.unix.file_descriptor.count": now.open_files,
    }
    return ((single[name], {}),)


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
