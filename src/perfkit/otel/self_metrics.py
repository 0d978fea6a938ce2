"""Report metrics of perfkit itself: failures, overhead, and deliveries of violations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from perfkit.model import telemetry_names as names
from perfkit.sinks.delivery.stats import Totals

InternalErrors = Callable[[], Mapping[str, int]]
Overhead = Callable[[], float]
SinkTotals = Callable[[], Sequence[Totals]]


def observe_errors(meter: Meter, internal_errors: InternalErrors) -> None:
    """Report the failures of each part of perfkit at each collection."""

    def observe(*, of_sinks: bool) -> Iterator[Observation]:
        # The zero makes every collection non-empty: the SDK skips an export without a metric, and
        # the bulk counts with it.
        for part, count in {"delivery": 0, **internal_errors()}.items():
            if part.startswith("sink ") is of_sinks:
                yield Observation(count, {names.PART: part.removeprefix("sink ")})

    def sinks(_: CallbackOptions) -> Iterator[Observation]:
        return observe(of_sinks=True)

    def others(_: CallbackOptions) -> Iterator[Observation]:
        return observe(of_sinks=False)

    meter.create_observable_counter(
        "perfkit.sink.errors", [sinks], "{error}", "Failures of sinks, kept from the calls."
    )
    meter.create_observable_counter(
        "perfkit.self.errors", [others], "{error}", "Failures inside perfkit, kept from the calls."
    )


def observe_overhead(meter: Meter, overhead: Overhead) -> None:
    """Report the share of wall time that perfkit uses, from 0 to 1, at each collection."""

    def observe(_: CallbackOptions) -> Iterator[Observation]:
        yield Observation(overhead())

    meter.create_observable_gauge(
        "perfkit.self.overhead",
        [observe],
        "1",
        "Share of wall time that evidence, memory tracing and perfkit's own thread took.",
    )


def observe_sinks(meter: Meter, sink_totals: SinkTotals) -> None:
    """Report the delivery counts of each sink at each collection."""

    def delivered(_: CallbackOptions) -> Iterator[Observation]:
        for totals in sink_totals():
            yield Observation(totals.delivered, {names.SINK: totals.sink})

    def suppressed(_: CallbackOptions) -> Iterator[Observation]:
        for totals in sink_totals():
            yield from _by_reason(totals.sink, totals.suppressed_by)

    def dropped(_: CallbackOptions) -> Iterator[Observation]:
        for totals in sink_totals():
            yield from _by_reason(totals.sink, totals.dropped_by)

    for name, observe, text in (
        ("perfkit.sink.delivered", delivered, "Violations that a sink has taken."),
        ("perfkit.sink.suppressed", suppressed, "Violations held back before a sink."),
        ("perfkit.sink.dropped", dropped, "Violations lost on the way to a sink."),
    ):
        meter.create_observable_counter(name, [observe], "{violation}", text)


def _by_reason(sink: str, counts: Mapping[str, int]) -> Iterator[Observation]:
    for reason, count in counts.items():
        yield Observation(count, {names.SINK: sink, names.REASON: reason})
