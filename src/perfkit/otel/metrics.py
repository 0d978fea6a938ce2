"""Record measured calls in OpenTelemetry metrics, through ordinary instruments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from weakref import WeakKeyDictionary

from opentelemetry.metrics import Counter, Histogram, Meter, MeterProvider

from perfkit.evaluation.thresholds_ns import thresholds_of
from perfkit.model import Budget, Limit, Measurement, Metric, Outcome, State, Statistic, Verdict
from perfkit.model import telemetry_names as names
from perfkit.otel.self_metrics import observe_itself
from perfkit.otel.telemetry import SCOPE
from perfkit.runtime.plan import known_lines
from perfkit.units import Unit

_SECONDS: Final = tuple(
    float(f"{digit}e{power}") for power in range(-4, 2) for digit in ("1", "2.5", "5")
)
_BYTES: Final = tuple(float(10**power) for power in range(3, 11))
_HISTOGRAMS: Final = {
    Metric.DURATION: ("perfkit.call.duration", "s", "Duration of measured calls."),
    Metric.MEMORY_PEAK: ("perfkit.call.memory.peak", "By", "Peak of the traced heap in a call."),
    Metric.CPU_TIME: ("perfkit.call.cpu.time", "s", "CPU time of measured calls."),
}


def bounds_for(metric: Metric, lines: Iterable[float] = ()) -> list[float]:
    """Return ascending bucket bounds in the metric's base unit.

    They are round values, the targets and thresholds of all budgets, and `lines`, but not zero,
    because no value is below it. OpenTelemetry counts a value equal to a bound into the bucket
    below it, and a value equal to a threshold meets that threshold: the buckets up to a threshold
    count exactly the calls within it.
    """
    round_ones = _SECONDS if metric.unit is Unit.SECONDS else _BYTES
    return sorted({*round_ones, *(line for line in {*known_lines(metric), *lines} if line > 0)})


class Instruments:
    """The instruments of one meter, with the bucket bounds of each metric that has a histogram."""

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
        """Return whether these instruments have every bound in `bounds`."""
        return all(set(bounds[metric]) <= set(own) for metric, own in self.bounds.items())


_instruments: WeakKeyDictionary[MeterProvider, list[Instruments]] = WeakKeyDictionary()


def instruments_of(provider: MeterProvider) -> Instruments:
    """Return the instruments of `provider`; create new ones only if the limits need more bounds.

    The SDK ignores different bounds for a name that exists in the same scope. A later set of
    instruments has a scope attribute of its own, and backends add the two streams up.
    """
    bounds = {metric: bounds_for(metric) for metric in _HISTOGRAMS}
    # Weak references: a provider that the application no longer uses can be freed.
    made = _instruments.setdefault(provider, [])
    for known in made:
        if known.covers(bounds):
            return known
    attributes = {"perfkit.bounds.revision": len(made)} if made else None
    meter = provider.get_meter(SCOPE, attributes=attributes)
    if not made:
        observe_itself(meter)
    made.append(Instruments(meter, bounds))
    return made[-1]


def count_window(provider: MeterProvider, budget: Budget, limit: Limit, state: State) -> None:
    """Count one verdict on a limit over a window."""
    # Any instruments will do: `instruments_of` first computes the bounds of all histograms, which
    # is slow and which a counter does not need.
    known = _instruments.get(provider) or [instruments_of(provider)]
    known[0].window_verdicts.add(
        1,
        {
            **names.of_budget(budget),
            names.METRIC: str(limit.metric),
            names.STATISTIC: str(limit.statistic),
            names.BUDGET_STATE: str(state),
        },
    )


class CallRecorder:
    """Records the calls of one budget, and counts their verdicts.

    Attributes are the budget's name and category, the outcome, and for verdicts the state and the
    metric. A threshold or an argument of a call is not an attribute, so the cardinality is bounded.
    Durations and verdicts are left out where a bulk counter records them.
    """

    def __init__(
        self, instruments: Instruments, budget: Budget, *, is_counted_in_bulk: bool
    ) -> None:
        common = names.of_budget(budget)
        self._is_counted_in_bulk = is_counted_in_bulk
        self._histograms = instruments.histograms
        self._verdicts = instruments.verdicts
        # Prepared once, because building the attributes at each call would cost time in the call.
        self._by_outcome = {each: {**common, names.OUTCOME: str(each)} for each in Outcome}
        self._by_verdict = {
            (limit.metric, state): {
                **common,
                names.METRIC: str(limit.metric),
                names.BUDGET_STATE: str(state),
            }
            for limit in budget.limits
            for state in State
        }
        self._limits = [
            (limit.metric, thresholds_of([limit]))
            for limit in budget.limits
            if limit.statistic is Statistic.EACH
        ]

    def record(self, outcome: Outcome, elapsed_ns: int) -> None:
        """Record a call of which only the duration was measured, in nanoseconds."""
        self._histograms[Metric.DURATION].record(elapsed_ns / 1e9, self._by_outcome[outcome])
        for metric, thresholds in self._limits:
            state = thresholds.state_of(outcome, elapsed_ns) or State.NO_DATA
            self._verdicts.add(1, self._by_verdict[metric, state])

    def record_measurement(self, measurement: Measurement, verdicts: Sequence[Verdict]) -> None:
        """Record the readings of a call, except a duration that a profiler or tracer increased."""
        about = self._by_outcome[measurement.outcome]
        for metric, histogram in self._histograms.items():
            value = measurement.value(metric)
            # A duration with the overhead of a probe is not that of the application, and a duration
            # that a bulk counter exports would be counted twice.
            if metric is Metric.DURATION and (measurement.slowed_by or self._is_counted_in_bulk):
                continue
            if value is not None:
                histogram.record(value, about)
        if not self._is_counted_in_bulk:
            for verdict in verdicts:
                self._verdicts.add(1, self._by_verdict[verdict.limit.metric, verdict.state])
