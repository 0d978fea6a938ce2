"""Report metrics of perfkit itself: failures, overhead, and deliveries of violations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from perfkit.model import telemetry_names as names
from perfkit.runtime import internal_errors, settings
from perfkit.sinks.delivery.stats import Totals, stats_registry

_Callback = Callable[[CallbackOptions], Iterator[Observation]]


def observe_itself(meter: Meter) -> None:
    """Create the instruments of perfkit itself, which are read at each collection."""
    for name, of_sinks, text in (
        ("perfkit.sink.errors", True, "Failures of sinks, kept from the calls."),
        ("perfkit.self.errors", False, "Failures inside perfkit, kept from the calls."),
    ):
        meter.create_observable_counter(name, [_errors(of_sinks=of_sinks)], "{error}", text)
    meter.create_observable_gauge(
        "perfkit.self.overhead",
        [_overhead],
        "1",
        "Share of wall time that evidence, memory tracing and perfkit's own thread took.",
    )
    for name, counts_of, text in _DELIVERIES:
        meter.create_observable_counter(name, [_deliveries(counts_of)], "{violation}", text)


def _errors(*, of_sinks: bool) -> _Callback:
    def observe(_: CallbackOptions) -> Iterator[Observation]:
        # The zero makes every collection non-empty: the SDK skips an export without a metric, and
        # the bulk counts with it.
        for part, count in {"delivery": 0, **internal_errors.counts()}.items():
            if part.startswith("sink ") is of_sinks:
                yield Observation(count, {names.PART: part.removeprefix("sink ")})

    return observe


def _overhead(_: CallbackOptions) -> Iterator[Observation]:
    # Looked up at each collection: the instrument outlives the settings that created it.
    yield Observation(settings.current().overhead_limit.overhead())


_CountsOf = Callable[[Totals], Mapping[str, int]]
_DELIVERIES: Final[tuple[tuple[str, _CountsOf, str], ...]] = (
    ("perfkit.sink.delivered", lambda of: {"": of.delivered}, "Violations that a sink has taken."),
    (
        "perfkit.sink.suppressed",
        lambda of: of.suppressed_by,
        "Violations that a layer suppressed.",
    ),
    ("perfkit.sink.dropped", lambda of: of.dropped_by, "Violations that were lost."),
)
"""The name of each counter, its counts by reason, and its description."""


def _deliveries(counts_of: _CountsOf) -> _Callback:
    def observe(_: CallbackOptions) -> Iterator[Observation]:
        for totals in stats_registry.totals():
            for reason, count in counts_of(totals).items():
                about = {names.SINK: totals.sink}
                yield Observation(count, {**about, names.REASON: reason} if reason else about)

    return observe
