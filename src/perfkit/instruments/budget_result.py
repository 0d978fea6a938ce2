"""What a block has cost, for the code around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perfkit.model.budget import Metric
from perfkit.runtime.callsite import Callsite

if TYPE_CHECKING:
    from perfkit.model import Evidence, Outcome, State, Verdict
    from perfkit.runtime.call import Call
    from perfkit.runtime.result import CallResult


class BudgetResult:
    """What a block has cost, in base units: filled when the block ends.

    Each metric is None until then, and stays None if it was not measured.
    """

    __slots__ = ("_call", "_elapsed_ns", "_finished", "_site", "_tries")

    _call: Call | None
    _elapsed_ns: int
    _finished: CallResult
    _site: Callsite
    _tries: tuple[int, int]

    def hit(self, count: int = 1) -> None:
        """Count tries that found what they looked for, towards ``hit_ratio``."""
        self._count(count, 0)

    def miss(self, count: int = 1) -> None:
        """Count tries that did not."""
        self._count(0, count)

    def _count(self, hits: int, misses: int) -> None:
        """Count for the block, or at once for the windows where the block itself keeps nothing."""
        before = getattr(self, "_tries", (0, 0))
        self._tries = (before[0] + hits, before[1] + misses)
        if hasattr(self, "_call"):
            if self._call is not None:
                self._call.count_tries(hits, misses)
        else:
            self._site.count_tries(hits, misses)

    def _settled(self) -> CallResult | None:
        """Return how the block went; one that took the short cut is judged when somebody asks."""
        if hasattr(self, "_finished"):
            return self._finished
        if not hasattr(self, "_elapsed_ns"):
            return None
        self._finished = self._site.evaluate_duration(self._elapsed_ns, None)
        return self._finished

    def _value(self, metric: Metric) -> float | None:
        finished = self._settled()
        return finished.measurement.value(metric) if finished else None

    @property
    def duration(self) -> float | None:
        """Wall time in seconds."""
        return self._value(Metric.DURATION)

    @property
    def cpu_time(self) -> float | None:
        """CPU time of the block's thread in seconds."""
        return self._value(Metric.CPU_TIME)

    @property
    def process_cpu_time(self) -> float | None:
        """CPU time of the whole process meanwhile in seconds."""
        return self._value(Metric.PROCESS_CPU_TIME)

    @property
    def cpu_utilization(self) -> float | None:
        """CPU time of the block's thread over wall time; 1 is one core busy all the time."""
        return self._value(Metric.CPU_UTILIZATION)

    @property
    def gc_time(self) -> float | None:
        """Pauses of the garbage collector in the block's thread, in seconds."""
        return self._value(Metric.GC_TIME)

    @property
    def memory_peak(self) -> float | None:
        """The most bytes that the Python heap held above what it held at the start."""
        return self._value(Metric.MEMORY_PEAK)

    @property
    def memory_net(self) -> float | None:
        """Bytes that the Python heap holds at the end above what it held at the start."""
        return self._value(Metric.MEMORY_NET)

    @property
    def memory_growth(self) -> float | None:
        """Bytes by which the process's resident set grew; it seldom shrinks."""
        return self._value(Metric.MEMORY_GROWTH)

    @property
    def memory_rss(self) -> float | None:
        """Bytes of the process's resident set at the end."""
        return self._value(Metric.MEMORY_RSS)

    @property
    def disk_read_rate(self) -> float | None:
        """Bytes per second read from disks meanwhile."""
        return self._value(Metric.DISK_READ_RATE)

    @property
    def disk_write_rate(self) -> float | None:
        """Bytes per second written to disks meanwhile."""
        return self._value(Metric.DISK_WRITE_RATE)

    @property
    def threads(self) -> float | None:
        """Threads of the process at the end."""
        return self._value(Metric.THREADS)

    @property
    def open_files(self) -> float | None:
        """Open file descriptors of the process at the end."""
        return self._value(Metric.OPEN_FILES)

    @property
    def concurrency(self) -> float | None:
        """How many calls of this budget ran when the block began, itself among them."""
        return self._value(Metric.CONCURRENCY)

    @property
    def hit_ratio(self) -> float | None:
        """Hits of all tries counted by `hit` and `miss` so far; None as long as there are none."""
        hits, misses = getattr(self, "_tries", (0, 0))
        return hits / (hits + misses) if hits + misses else None

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """What explains the cost, where evidence was gathered in this very call."""
        finished = self._settled()
        return finished.measurement.evidence if finished else ()

    @property
    def outcome(self) -> Outcome | None:
        """How the block ended; None until it does."""
        finished = self._settled()
        return finished.measurement.outcome if finished else None

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """One verdict for each limit on a single call; empty until the block ends.

        How limits over a window stand, `perfkit.evaluate_windows` says.
        """
        finished = self._settled()
        return finished.verdicts if finished else ()

    @property
    def state(self) -> State:
        """The worst of the verdicts; `no_data` where there are none."""
        from perfkit.model.verdict import State  # noqa: PLC0415 - loads when somebody asks

        return max((v.state for v in self.verdicts), key=lambda s: s.rank, default=State.NO_DATA)
