"""The cost of a block, for the code around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perfkit.model.budget import Metric
from perfkit.runtime.callsite import Callsite
from perfkit.units import format_quantity

if TYPE_CHECKING:
    from perfkit.model import Evidence, Outcome, State, Verdict
    from perfkit.runtime.call import Call
    from perfkit.runtime.result import CallResult


class _Value(property):
    """The value of one metric of a block."""

    def __init__(self, metric: Metric, doc: str) -> None:
        super().__init__(lambda result: result._value(metric))  # noqa: SLF001 - of its own class
        self.__doc__ = doc

    if TYPE_CHECKING:

        def __get__(self, *_: Any) -> float | None: ...  # type: ignore[override]  # not Any


class BudgetResult:
    """The cost of a block in base units, available when the block has ended.

    Each metric is None until then, and stays None if it was not measured. ``repr()`` lists the
    budget, the state and the values with their units.
    """

    # Slots are unset until needed, hence `hasattr`: initializing them would slow down each block on
    # the fast path.
    __slots__ = ("_call", "_elapsed_ns", "_finished", "_site", "_tries")

    _call: Call | None
    _elapsed_ns: int
    _finished: CallResult
    _site: Callsite
    _tries: tuple[int, int]

    def hit(self, count: int = 1) -> None:
        """Count hits towards ``hit_ratio``."""
        self._count(count, 0)

    def miss(self, count: int = 1) -> None:
        """Count misses towards ``hit_ratio``."""
        self._count(0, count)

    def _count(self, hits: int, misses: int) -> None:
        """Count for the block, or directly for the windows if the block is not a tracked call."""
        before = getattr(self, "_tries", (0, 0))
        self._tries = (before[0] + hits, before[1] + misses)
        if hasattr(self, "_call"):
            if self._call is not None:
                self._call.count_tries(hits, misses)
        else:
            self._site.count_tries(hits, misses)

    def _result(self) -> CallResult | None:
        """Return the result, None before the end."""
        # The fast path only stores the duration; it is evaluated here, at first use.
        if hasattr(self, "_finished"):
            return self._finished
        if not hasattr(self, "_elapsed_ns"):
            return None
        self._finished = self._site.evaluate_duration(self._elapsed_ns, None)
        return self._finished

    def _value(self, metric: Metric) -> float | None:
        finished = self._result()
        return finished.measurement.value(metric) if finished else None

    def __repr__(self) -> str:
        finished = self._result()
        name = self._site.options.name or self._site.where.function
        if finished is None:
            return f"<{type(self).__name__} {name}: not finished>"
        values = {
            metric: reading.value
            for metric, reading in finished.measurement.readings.items()
            if reading.value is not None
        }
        if self.hit_ratio is not None:
            values[Metric.HIT_RATIO] = self.hit_ratio
        costs = (f"{metric} {format_quantity(v, metric.unit)}" for metric, v in values.items())
        return f"<{type(self).__name__} {name} {self.state}: {', '.join(costs)}>"

    duration = _Value(Metric.DURATION, "Wall time in seconds.")
    cpu_time = _Value(Metric.CPU_TIME, "CPU time of the block's thread in seconds.")
    process_cpu_time = _Value(Metric.PROCESS_CPU_TIME, "CPU time of the whole process, in seconds.")
    cpu_utilization = _Value(
        Metric.CPU_UTILIZATION,
        "CPU time of the block's thread over wall time; 1 is one core busy all the time.",
    )
    gc_time = _Value(
        Metric.GC_TIME, "Pauses of garbage collection in the block's thread, in seconds."
    )
    memory_peak = _Value(
        Metric.MEMORY_PEAK, "Peak of the Python heap in bytes, above its size at the start."
    )
    memory_net = _Value(Metric.MEMORY_NET, "Growth of the Python heap from start to end, in bytes.")
    memory_growth = _Value(
        Metric.MEMORY_GROWTH,
        "The growth of the process's resident set, in bytes; it seldom shrinks.",
    )
    memory_rss = _Value(Metric.MEMORY_RSS, "Bytes of the process's resident set at the end.")
    disk_read_rate = _Value(Metric.DISK_READ_RATE, "Bytes per second read from disks meanwhile.")
    disk_write_rate = _Value(Metric.DISK_WRITE_RATE, "Bytes per second written to disks meanwhile.")
    threads = _Value(Metric.THREADS, "Threads of the process at the end.")
    open_files = _Value(Metric.OPEN_FILES, "Open file descriptors of the process at the end.")
    concurrency = _Value(
        Metric.CONCURRENCY,
        "Number of calls of this budget that ran when the block began, itself included.",
    )

    @property
    def hit_ratio(self) -> float | None:
        """The share of hits in the tries so far; None before the first."""
        hits, misses = getattr(self, "_tries", (0, 0))
        return hits / (hits + misses) if hits + misses else None

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The evidence that was gathered in this call."""
        finished = self._result()
        return finished.measurement.evidence if finished else ()

    @property
    def outcome(self) -> Outcome | None:
        """The outcome; None before the end."""
        finished = self._result()
        return finished.measurement.outcome if finished else None

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """One verdict for each limit on a single call; empty until the block ends.

        For limits over a window see `perfkit.evaluate_windows`.
        """
        finished = self._result()
        return finished.verdicts if finished else ()

    @property
    def state(self) -> State:
        """The worst of the verdicts; `no_data` where there are none."""
        from perfkit.model.verdict import State  # noqa: PLC0415 - seldom needed

        return max((v.state for v in self.verdicts), key=lambda s: s.rank, default=State.NO_DATA)
