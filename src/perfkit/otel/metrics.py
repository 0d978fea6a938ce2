"""Every measured call in OpenTelemetry metrics, through ordinary instruments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final
from weakref import WeakKeyDictionary

from opentelemetry.metrics import (
    Counter,
    Histogram,
    Meter,
    MeterProvider,
)

from perfkit.evaluation import BulkCounter, thresholds_of
from perfkit.model import (
    Budget,
    CodeLocation,
    Limit,
    Measurement,
    Metric,
    Outcome,
    SpanIds,
    State,
    Statistic,
    Verdict,
)
from perfkit.model import telemetry_names as names
from perfkit.otel.buckets import bounds_for
from perfkit.otel.providers import SCOPE
from perfkit.otel.self_metrics import SelfMetrics, observe_itself

ThresholdsNs = Callable[[Metric], Iterable[float]]

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
        self.window_verdicts: Counter = meter.create_counter(
            "perfkit.window.verdicts", "{verdict}", "Judgements of limits over a window, by state."
        )

    def covers(self, bounds: Mapping[Metric, list[float]]) -> bool:
        """Tell whether every one of `bounds` is a bound here."""
        return all(set(bounds[metric]) <= set(own) for metric, own in self.bounds.items())


_instruments: WeakKeyDictionary[MeterProvider, list[Instruments]] = WeakKeyDictionary()


def instruments_of(
    provider: MeterProvider, lines: ThresholdsNs, self_metrics: SelfMetrics
) -> Instruments:
    """Return the instruments of `provider`, made anew only where the lines ask for more bounds.

    The SDK ignores other bounds for a name that it knows in the same scope. So later sets have a
    scope attribute of their own, and backends add the two streams up.

    Args:
        provider: Where to record.
        lines: Returns the targets and thresholds of a metric, to be bucket bounds.
        self_metrics: What perfkit tells of itself.
    """
    bounds = {metric: bounds_for(metric, lines(metric)) for metric in _HISTOGRAMS}
    made = _instruments.setdefault(provider, [])
    for known in made:
        if known.covers(bounds):
            return known
    attributes = {"perfkit.bounds.revision": len(made)} if made else None
    meter = provider.get_meter(SCOPE, attributes=attributes)
    if not made:
        observe_itself(meter, self_metrics)
    made.append(Instruments(meter, bounds))
    return made[-1]


def count_window(instruments: Instruments, budget: Budget, limit: Limit, state: State) -> None:
    """Count one judgement of a limit over a window."""
    instruments.window_verdicts.add(
        1,
        {
            **names.of_budget(budget),
            names.METRIC: str(limit.metric),
            names.STATISTIC: str(limit.statistic),
            names.BUDGET_STATE: str(state),
        },
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

    def start(self, budget: Budget, where: CodeLocation, started_ns: int) -> _Recorder:  # noqa: ARG002 - the Observer protocol gives them
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


class CallRecorder:
    """Records calls of which only the duration was measured. Judges by comparing integers.

    Args:
        instruments: Where to record.
        budget: What the calls are held to.
    """

    def __init__(self, instruments: Instruments, budget: Budget) -> None:
        common = names.of_budget(budget)
        self._duration = instruments.histograms[Metric.DURATION]
        self._verdicts = instruments.verdicts
        self._by_outcome = {each: {**common, names.OUTCOME: str(each)} for each in Outcome}
        self._judges = [
            (
                thresholds_of([limit]),
                {
                    state: {
                        **common,
                        names.METRIC: str(limit.metric),
                        names.BUDGET_STATE: str(state),
                    }
                    for state in State
                },
            )
            for limit in budget.limits
            if limit.statistic is Statistic.EACH
        ]

    def record(self, outcome: Outcome, elapsed_ns: int) -> None:
        """Record one call."""
        self._duration.record(elapsed_ns / 1e9, self._by_outcome[outcome])
        for lines, by_state in self._judges:
            state = lines.state_of(outcome, elapsed_ns)
            self._verdicts.add(1, by_state[state or State.NO_DATA])


class BulkCounterObserver:
    """Counts each call into the budget's tally, and records the rest through instruments.

    Args:
        bulk_counter: Counts durations and verdicts.
        extras: Where memory and CPU time go; None where another observer records them.
    """

    def __init__(self, bulk_counter: BulkCounter, extras: Instruments | None) -> None:
        self._tally = bulk_counter
        self._extras = extras.histograms if extras else {}
        self._common: dict[str, str] = {}

    def start(self, budget: Budget, where: CodeLocation, started_ns: int) -> BulkCounterObserver:  # noqa: ARG002 - the Observer protocol gives them
        """Return itself: it is of one budget, and holds nothing of the single call."""
        self._common = names.of_budget(budget)
        return self

    def stop(self, measurement: Measurement, verdicts: Sequence[Verdict]) -> SpanIds | None:
        """Count the call."""
        seconds = None if measurement.slowed_by else measurement.value(Metric.DURATION)
        nanoseconds = None if seconds is None else round(seconds * 1e9)
        self._tally.add_judged(measurement.outcome, nanoseconds, verdicts)
        for metric, histogram in self._extras.items():
            value = measurement.value(metric)
            if value is not None and metric is not Metric.DURATION:
                histogram.record(value, {**self._common, names.OUTCOME: str(measurement.outcome)})
        return None
