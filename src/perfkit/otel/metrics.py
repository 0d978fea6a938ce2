"""Every measured call in OpenTelemetry metrics, through ordinary instruments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final
from weakref import WeakKeyDictionary

from opentelemetry.metrics import (
    CallbackOptions,
    Counter,
    Histogram,
    Meter,
    MeterProvider,
    Observation,
)

from perfkit.model import Budget, Measurement, Metric, Outcome, SpanIds, State, Verdict, Where
from perfkit.otel import attributes as names
from perfkit.otel.bounds import bounds_for
from perfkit.otel.providers import SCOPE

Lines = Callable[[Metric], Iterable[float]]
Faults = Callable[[], Mapping[str, int]]

_HISTOGRAMS: Final = {
    Metric.DURATION: ("perfkit.call.duration", "s", "Duration of measured calls."),
    Metric.MEMORY_PEAK: ("perfkit.call.memory.peak", "By", "Peak of the traced heap in a call."),
    Metric.CPU_TIME: ("perfkit.call.cpu.time", "s", "CPU time of measured calls."),
}


class Instruments:
    """The instruments of one meter.

    Args:
        meter: Where to record.
        bounds: The bucket bounds of each metric that has a histogram.
    """

    def __init__(self, meter: Meter, bounds: Mapping[Metric, list[float]]) -> None:
        self.bounds = bounds
        self.histograms: dict[Metric, Histogram] = {
            metric: meter.create_histogram(
                name, unit, text, explicit_bucket_boundaries_advisory=bounds[metric]
            )
            for metric, (name, unit, text) in _HISTOGRAMS.items()
        }
        self.verdicts: Counter = meter.create_counter(
            "perfkit.budget.verdicts", "{verdict}", "Judgements of limits, by state."
        )

    def covers(self, bounds: Mapping[Metric, list[float]]) -> bool:
        """Tell whether every one of `bounds` is a bound here."""
        return all(set(bounds[metric]) <= set(own) for metric, own in self.bounds.items())


_instruments: WeakKeyDictionary[MeterProvider, list[Instruments]] = WeakKeyDictionary()


def instruments_of(provider: MeterProvider, lines: Lines, faults: Faults) -> Instruments:
    """Return the instruments of `provider`, made anew only where the lines ask for more bounds.

    The SDK ignores other bounds for a name that it knows in the same scope. So later sets have a
    scope attribute of their own, and backends add the two streams up.

    Args:
        provider: Where to record.
        lines: Returns the targets and thresholds of a metric, to be bucket bounds.
        faults: Returns how often each part of perfkit has failed.
    """
    bounds = {metric: bounds_for(metric, lines(metric)) for metric in _HISTOGRAMS}
    made = _instruments.setdefault(provider, [])
    for known in made:
        if known.covers(bounds):
            return known
    attributes = {"perfkit.bounds.revision": len(made)} if made else None
    meter = provider.get_meter(SCOPE, attributes=attributes)
    if not made:
        _observe_faults(meter, faults)
    made.append(Instruments(meter, bounds))
    return made[-1]


def _observe_faults(meter: Meter, faults: Faults) -> None:
    def observe(*, of_sinks: bool) -> Iterable[Observation]:
        for part, count in faults().items():
            if part.startswith("sink ") is of_sinks:
                yield Observation(count, {names.PART: part.removeprefix("sink ")})

    def sinks(_: CallbackOptions) -> Iterable[Observation]:
        return observe(of_sinks=True)

    def others(_: CallbackOptions) -> Iterable[Observation]:
        return observe(of_sinks=False)

    meter.create_observable_counter(
        "perfkit.sink.errors", [sinks], "{error}", "Violations that a sink failed to take."
    )
    meter.create_observable_counter(
        "perfkit.self.errors", [others], "{error}", "Failures inside perfkit, kept from the calls."
    )


class MetricObserver:
    """Records duration, traced memory and CPU time of each call, and counts its verdicts.

    Attributes are the budget's name and category, the outcome, and for verdicts the state and the
    metric: never a threshold or an argument. Durations of calls that a profiler slowed down are
    left out.
    """

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._recorders: dict[tuple[str, str], _Recorder] = {}

    def start(self, budget: Budget, where: Where, started_ns: int) -> _Recorder:  # noqa: ARG002 - the Observer protocol gives them
        """Return the recorder of this budget; it holds nothing of the single call."""
        key = (budget.name, budget.category)
        recorder = self._recorders.get(key)
        if recorder is None:
            recorder = self._recorders[key] = _Recorder(self._instruments, budget)
        return recorder


class _Recorder:
    """Records the calls of one budget, with attributes prepared once."""

    __slots__ = ("_by_outcome", "_by_verdict", "_histograms", "_verdicts")

    def __init__(self, instruments: Instruments, budget: Budget) -> None:
        common = names.of_budget(budget)
        self._histograms = instruments.histograms
        self._verdicts = instruments.verdicts
        self._by_outcome = {outcome: {**common, names.OUTCOME: str(outcome)} for outcome in Outcome}
        self._by_verdict = {
            (metric, state): {**common, names.METRIC: str(metric), names.BUDGET_STATE: str(state)}
            for metric in Metric
            for state in State
        }

    def stop(self, measurement: Measurement, verdicts: Sequence[Verdict]) -> SpanIds | None:
        about = self._by_outcome[measurement.outcome]
        for metric, histogram in self._histograms.items():
            value = measurement.value(metric)
            if value is None or (metric is Metric.DURATION and measurement.slowed_by):
                continue
            histogram.record(value, about)
        for verdict in verdicts:
            key = (verdict.limit.metric, verdict.state)
            self._verdicts.add(1, self._by_verdict[key])
        return None
