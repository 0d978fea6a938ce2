"""Budgets, their limits and objectives, and the metrics and statistics of limits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final, Self, Unpack, cast

from attrs import fields, frozen

from perfkit.errors import BudgetError
from perfkit.model.limit_options import LimitOptions
from perfkit.units import Unit, format_quantity


class Direction(StrEnum):
    """Which side of a limit is good. Both sides include the limit itself."""

    AT_MOST = "at_most"
    AT_LEAST = "at_least"


class Statistic(StrEnum):
    """The value that a limit is on: that of each call, or a statistic over a window."""

    EACH = "each"
    P50 = "p50"
    P90 = "p90"
    P95 = "p95"
    P99 = "p99"
    MAX = "max"
    MEAN = "mean"
    RATE = "rate"
    RATIO = "ratio"


class Metric(StrEnum):
    """A measured quantity. All its values are in its base unit, `unit`."""

    unit: Unit
    """The base unit of this metric's values."""
    default_statistic: Statistic
    """The statistic of a limit without one."""

    def __new__(
        cls, name: str, unit: Unit = Unit.COUNT, statistic: Statistic = Statistic.EACH
    ) -> Self:
        """Make a member from its row. A look-up by name has the name alone."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.unit = unit
        member.default_statistic = statistic
        return member

    DURATION = "duration", Unit.SECONDS
    FIRST_ITEM = "first_item", Unit.SECONDS
    CPU_TIME = "cpu_time", Unit.SECONDS
    PROCESS_CPU_TIME = "process_cpu_time", Unit.SECONDS
    GC_TIME = "gc_time", Unit.SECONDS
    CPU_UTILIZATION = "cpu_utilization", Unit.RATIO, Statistic.MEAN
    MEMORY_PEAK = "memory_peak", Unit.BYTES
    MEMORY_NET = "memory_net", Unit.BYTES
    MEMORY_GROWTH = "memory_growth", Unit.BYTES
    MEMORY_RSS = "memory_rss", Unit.BYTES, Statistic.MAX
    DISK_WRITE_RATE = "disk_write_rate", Unit.BYTES_PER_SECOND, Statistic.RATE
    DISK_READ_RATE = "disk_read_rate", Unit.BYTES_PER_SECOND, Statistic.RATE
    THREADS = "threads", Unit.COUNT, Statistic.MAX
    OPEN_FILES = "open_files", Unit.COUNT, Statistic.MAX
    THROUGHPUT = "throughput", Unit.PER_SECOND, Statistic.RATE
    CONCURRENCY = "concurrency", Unit.COUNT, Statistic.MAX
    HIT_RATIO = "hit_ratio", Unit.RATIO, Statistic.RATIO
    ERROR_RATIO = "error_ratio", Unit.RATIO, Statistic.RATIO
    SCALING_EXPONENT = "scaling_exponent", Unit.COUNT
    BURN_RATE = "burn_rate", Unit.COUNT, Statistic.RATIO
    """How fast an objective's error budget is spent: 1 spends all of it in exactly one period.

    Computed for each `Objective`, and not for limits.
    """

    @property
    def default_direction(self) -> Direction | None:
        """The direction of a limit without one; None where both are usual."""
        # A limit on concurrency may be a capacity, or a load that a test has to reach.
        if self is Metric.CONCURRENCY:
            return None
        at_least = self in {Metric.THROUGHPUT, Metric.HIT_RATIO}
        return Direction.AT_LEAST if at_least else Direction.AT_MOST

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """The statistics that are defined for this metric."""
        return _STATISTICS.get(self, _OF_VALUES)


_OF_VALUES: Final = tuple(
    statistic for statistic in Statistic if statistic not in {Statistic.RATE, Statistic.RATIO}
)
_STATISTICS: Final = {
    Metric.CPU_UTILIZATION: (*_OF_VALUES, Statistic.RATIO),
    Metric.DISK_WRITE_RATE: (*_OF_VALUES, Statistic.RATE),
    Metric.DISK_READ_RATE: (*_OF_VALUES, Statistic.RATE),
    Metric.THROUGHPUT: (Statistic.RATE,),
    Metric.HIT_RATIO: (Statistic.EACH, Statistic.MEAN, Statistic.RATIO),
    Metric.ERROR_RATIO: (Statistic.MEAN, Statistic.RATIO),
    Metric.BURN_RATE: (Statistic.RATIO,),
}
DEFAULT_WINDOW_SECONDS: Final = 60.0
"""The window of a limit over a window without a length."""
LIMITABLE: Final[tuple[Metric, ...]] = tuple(
    metric for metric in Metric if metric is not Metric.BURN_RATE
)
"""The metrics of limits: all but the burn rate."""


def one_of(choices: Iterable[str]) -> str:
    """Return `choices` in quotes as part of a message, such as ``one of "each", "mean"``."""
    names = [f'"{choice}"' for choice in choices]
    return f"one of {', '.join(names)}" if len(names) > 1 else "".join(names)


@frozen(kw_only=True)
class Limit:
    """Target and threshold for one statistic of a metric.

    Args:
        metric: The metric.
        target: The value to aim for, in the metric's base unit; missed means *degraded*.
        threshold: The value not to exceed, in the metric's base unit; else *violated*.
        direction: The good side. A value equal to target or threshold is on its good side.
        statistic: `each` for single calls, or one over `window`; of the metric's `statistics`.
        window: Length of the window in seconds; None exactly when `statistic` is `each`.
        min_samples: The fewest samples of a window that is judged; at least 1.

    Raises:
        BudgetError: If the parts contradict each other. The message lists every problem.
    """

    metric: Metric
    target: float
    threshold: float
    direction: Direction
    statistic: Statistic = Statistic.EACH
    window: float | None = None
    min_samples: int = 1

    def __attrs_post_init__(self) -> None:
        problems = []
        # NaN compares as False with everything, so that it would be met and violated at once.
        lines = {"target": self.target, "threshold": self.threshold}
        for name, value in lines.items():
            if not math.isfinite(value) or value < 0:
                problems.append(f"{name} is {value}; write a finite number, zero or more")
        # Only for valid numbers, so that one mistake is not reported twice.
        if not problems and not self._is_within(self.target, self.threshold):
            problems.append(self._looser())
        if self.statistic not in self.metric.statistics:
            choices = one_of(self.metric.statistics)
            problems.append(f'{self.metric} has no statistic "{self.statistic}"; write {choices}')
        if (self.window is None) is not (self.statistic is Statistic.EACH):
            usual = self.metric.default_statistic
            other = Statistic.P95 if usual is Statistic.EACH else usual
            problems.append(
                f'statistic "each" has no window; remove it or write a statistic such as "{other}"'
                if self.window is not None
                else f'statistic "{self.statistic}" needs a window; write window = "1m"'
            )
        if self.window is not None and not 0 < self.window < math.inf:
            problems.append(f"window is {self.window} s; write one longer than zero")
        if self.min_samples < 1:
            problems.append(f"min_samples is {self.min_samples}; write 1 or more")
        if problems:
            raise BudgetError("; ".join(problems))

    def _looser(self) -> str:
        unit = self.metric.unit
        target, threshold = (format_quantity(v, unit) for v in (self.target, self.threshold))
        side = "at most" if self.direction is Direction.AT_MOST else "at least"
        return (
            f"target {target} is looser than threshold {threshold}; "
            f"write a target of {side} {threshold}"
        )

    def _is_within(self, value: float, line: float) -> bool:
        return value <= line if self.direction is Direction.AT_MOST else value >= line

    def meets_target(self, value: float) -> bool:
        """Return whether `value`, in the metric's base unit, is on the target's good side."""
        return self._is_within(value, self.target)

    def holds_threshold(self, value: float) -> bool:
        """Return whether `value`, in the metric's base unit, is on the threshold's good side."""
        return self._is_within(value, self.threshold)


@frozen(kw_only=True)
class Objective:
    """The share of calls that are to be good, over a long period: an SLO.

    A call is good if it raised no exception and violated no limit on a single call. The rest of the
    share is the error budget; the speed at which it is spent is the burn rate.

    Args:
        ratio: Above 0 and below 1, such as 0.999.
        period: In seconds; the usual is 30 days.
        min_samples: The fewest calls of a window that is judged; at least 1.

    Raises:
        BudgetError: If a part is out of its range. The message lists every problem.
    """

    ratio: float
    period: float = 30 * 86_400.0
    min_samples: int = 20

    def __attrs_post_init__(self) -> None:
        problems = []
        if not 0 < self.ratio < 1:
            ratio = format_quantity(self.ratio, Unit.RATIO)
            problems.append(f"ratio is {ratio}; write one above 0% and below 100%, such as 99.9%")
        if not 0 < self.period < math.inf:
            problems.append(f"period is {self.period} s; write one longer than zero, such as 30d")
        if self.min_samples < 1:
            problems.append(f"min_samples is {self.min_samples}; write 1 or more")
        if problems:
            raise BudgetError("; ".join(problems))


EVIDENCE_KINDS: Final = ("cpu", "memory", "stack", "children")
"""Kinds of evidence of a budget."""


option_parser: Any = None
"""`perfkit.instruments.options`, which parses texts among the arguments of `Budget`."""


@frozen(kw_only=True, init=False)
class Budget:
    """A name with limits, and how much they matter.

    >>> upload = Budget("upload", target="1s", threshold="2s", memory_peak="50MB", critical=True)
    >>> [(str(limit.metric), limit.threshold) for limit in upload.limits]
    [('duration', 2.0), ('memory_peak', 50000000.0)]

    Args:
        name: The budget's name in code, on spans and in metrics.
        category: The group of budgets that it belongs to, such as ``"database"``, or empty.
        critical: Whether a broken threshold has severity `critical` rather than `warning`.
        description: One sentence for people.
        limits: No two with the same metric and statistic. Without any limit, calls are measured and
            not judged.
        sinks: Names of the sinks for this budget's violations; None means those of the routes.
        spans: ``"always"``, ``"violations"`` or ``"never"``; None means the value in the settings.
        notes: Remarks of a written document that cannot be expressed as limits.
        objective: The share of its calls that are to be good, such as ``"99.9%"``, or None.
        evidence: The kinds of evidence to gather when it is broken, of `EVIDENCE_KINDS`.
        **options: More limits: one for any metric by its name, in any form that `perfkit.budget`
            accepts; `target` and `threshold` are of the duration.

    Raises:
        TypeError: If an argument is unknown.
        BudgetError: If the name is empty, two limits have the same metric and statistic, a kind of
            evidence is unknown, or a limit cannot be parsed.
    """

    name: str
    category: str
    critical: bool
    description: str
    limits: tuple[Limit, ...]
    sinks: tuple[str, ...] | None
    spans: str | None
    notes: tuple[str, ...]
    objective: Objective | None
    evidence: tuple[str, ...]

    # Written out because attrs cannot generate `**options`; `attrs.evolve` calls it by field names.
    def __init__(  # noqa: PLR0913 - all but the name are keywords
        self,
        name: str,
        *,
        category: str = "",
        critical: bool = False,
        description: str = "",
        limits: Iterable[Limit] = (),
        sinks: str | Iterable[str] | None = None,
        spans: str | None = None,
        notes: Iterable[str] = (),
        objective: str | float | Objective | Mapping[str, Any] | None = None,
        evidence: str | Iterable[str] = (),
        **options: Unpack[LimitOptions],
    ) -> None:
        parsed = ()
        if options:
            names = [field.name for field in fields(Budget) if field.name != "name"]
            parsed = option_parser.parse_limits_of_budget(options, names)
        if not isinstance(objective, Objective | None):
            objective = cast("Objective", option_parser.parse_objective(objective))
        self.__attrs_init__(
            name=name,
            category=category,
            critical=critical,
            description=description,
            limits=(*limits, *parsed),
            sinks=None if sinks is None else _texts(sinks),
            spans=spans,
            notes=_texts(notes),
            objective=objective,
            evidence=_texts(evidence),
        )

    def __attrs_post_init__(self) -> None:
        if not self.name:
            raise BudgetError("a budget has no name; write one, such as session_retrieval")
        seen = set()
        for limit in self.limits:
            key = (limit.metric, limit.statistic)
            if key in seen:
                raise BudgetError(
                    f"two limits on {limit.metric} {limit.statistic}; keep one of them"
                )
            seen.add(key)
        for kind in self.evidence:
            if kind not in EVIDENCE_KINDS:
                choices = one_of(EVIDENCE_KINDS)
                raise BudgetError(f"no evidence is called {kind!r}; write {choices}")

    @property
    def metrics(self) -> frozenset[Metric]:
        """The metrics of its limits."""
        return frozenset(limit.metric for limit in self.limits)


def _texts(texts: str | Iterable[str]) -> tuple[str, ...]:
    # A single text is an iterable too: its letters would become the names.
    return (texts,) if isinstance(texts, str) else tuple(texts)
