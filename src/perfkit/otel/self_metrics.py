"""Report metrics of perfkit itself: failures, overhead, and deliveries of violations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from attrs import frozen
from opentelemetry.metrics import CallbackOptions, Meter, Observation

from perfkit.model import telemetry_names as names
from perfkit.sinks.delivery.stats import Totals

Faults = Callable[[], Mapping[str, int]]
Overhead = Callable[[], float]
Accounts = Callable[[], Sequence[Totals]]


@frozen(kw_only=True)
class SelfMetrics:
    """Functions that return the values of the metrics.

    Args:
        internal_errors: Returns the number of failures of each part of perfkit.
        overhead: Returns the share of wall time that perfkit uses, from 0 to 1.
        counts_of_readers: Returns the delivery counts of each sink.
    """

    internal_errors: Faults
    overhead: Overhead
    counts_of_readers: Accounts


def observe_itself(meter: Meter, self_metrics: SelfMetrics) -> None:
    """Report the values through observable instruments of `meter`, at each collection."""
    _observe_faults(meter, self_metrics.internal_errors)
    _observe_overhead(meter, self_metrics.overhead)
    _observe_sinks(meter, self_metrics.counts_of_readers)


def _observe_faults(meter: Meter, internal_errors: Faults) -> None:
    def observe(*, of_sinks: bool) -> Iterable[Observation]:
        # The zero makes every collection non-empty: the SDK skips an export without a metric, and
        # the bulk counts with it.
        for part, count in {"delivery": 0, **internal_errors()}.items():
            if part.startswith("sink ") is of_sinks:
                yield Observation(count, {names.PART: part.removeprefix("sink ")})

    def sinks(_: CallbackOptions) -> Iterable[Observation]:
        return observe(of_sinks=True)

    def others(_: CallbackOptions) -> Iterable[Observation]:
        return observe(of_sinks=False)

    meter.create_observable_counter(
        "perfkit.sink.errors", [sinks], "{error}", "Failures of sinks, kept from the calls."
    )
    meter.create_observable_counter(
        "perfkit.self.errors", [others], "{error}", "Failures inside perfkit, kept from the calls."
    )


def _observe_overhead(meter: Meter, overhead: Overhead) -> None:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        yield Observation(overhead())

    meter.create_observable_gauge(
        "perfkit.self.overhead",
        [observe],
        "1",
        "Share of wall time that evidence, memory tracing and perfkit's own thread took.",
    )


def _observe_sinks(meter: Meter, counts_of_readers: Accounts) -> None:
    def delivered(_: CallbackOptions) -> Iterator[Observation]:
        for totals in counts_of_readers():
            yield Observation(totals.delivered, {names.SINK: totals.sink})

    def suppressed(_: CallbackOptions) -> Iterator[Observation]:
        for totals in counts_of_readers():
            yield from _by_reason(totals.sink, totals.suppressed_by)

    def dropped(_: CallbackOptions) -> Iterator[Observation]:
        for totals in counts_of_readers():
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
