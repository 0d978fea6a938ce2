"""`budget()`: hold a block of code to a budget."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import CodeType, FrameType, TracebackType
from typing import Any, Final, TypeAlias, TypeVar, Unpack

from perfkit.instruments.request import BudgetOptions, request_of
from perfkit.instruments.wrapping import wrap
from perfkit.model import Metric, Outcome, State, Verdict, Where
from perfkit.runtime import pipeline
from perfkit.runtime.delivery import deliver
from perfkit.runtime.pipeline import Call, Finished
from perfkit.runtime.plan import Callsite

F = TypeVar("F", bound=Callable[..., Any])


class Spent:
    """What a block has cost, in base units: filled when the block ends.

    Each metric is None until then, and stays None if it was not measured.
    """

    __slots__ = ("_finished",)

    def __init__(self) -> None:
        self._finished: Finished | None = None

    def _value(self, metric: Metric) -> float | None:
        return self._finished.measurement.value(metric) if self._finished else None

    @property
    def duration(self) -> float | None:
        """Wall time in seconds."""
        return self._value(Metric.DURATION)

    @property
    def cpu_time(self) -> float | None:
        """CPU time of the block's thread in seconds."""
        return self._value(Metric.CPU_TIME)

    @property
    def memory_peak(self) -> float | None:
        """The most bytes that the Python heap held above what it held at the start."""
        return self._value(Metric.MEMORY_PEAK)

    @property
    def memory_growth(self) -> float | None:
        """Bytes by which the process's resident set grew; it seldom shrinks."""
        return self._value(Metric.MEMORY_GROWTH)

    @property
    def memory_rss(self) -> float | None:
        """Bytes of the process's resident set at the end."""
        return self._value(Metric.MEMORY_RSS)

    @property
    def outcome(self) -> Outcome | None:
        """How the block ended; None until it does."""
        return self._finished.measurement.outcome if self._finished else None

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """One verdict for each limit; empty until the block ends, and without limits."""
        return self._finished.verdicts if self._finished else ()

    @property
    def state(self) -> State:
        """The worst of the verdicts; `no_data` where there are none."""
        return max((v.state for v in self.verdicts), key=lambda s: s.rank, default=State.NO_DATA)


_Entry: TypeAlias = tuple[Call | None, Spent]


class BudgetBlock:
    """What `budget` returns: a context manager, sync and async, and a decorator.

    One object may be entered again while it is open, by recursion, another thread or another
    task; each entry is measured by itself.
    """

    __slots__ = ("_again", "_callsite", "_first")

    def __init__(self, callsite: Callsite) -> None:
        self._callsite = callsite
        self._first: _Entry | None = None
        self._again = False

    def __enter__(self) -> Spent:
        spent = Spent()
        plan = self._callsite.plan()
        entry = (pipeline.begin(plan) if plan.is_on else None, spent)
        if self._first is None:
            self._first = entry
        else:
            self._again = True
            _open_entries.set(((self, entry), *_open_entries.get()))
        return spent

    def __exit__(
        self, kind: object, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        call, spent = self._leave()
        if call is None:
            return
        finished = spent._finished = pipeline.finish(call, error)  # noqa: SLF001 - filled here, read there
        if finished.violations:
            deliver(finished.violations, call.plan.sinks_for, error)

    async def __aenter__(self) -> Spent:
        return self.__enter__()

    async def __aexit__(
        self, kind: object, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def __call__(self, function: F) -> F:
        """Measure each call of `function` instead, as `timed` does."""
        return wrap(function, self._callsite.request)

    def _leave(self) -> _Entry:
        if self._again and (entry := _take_entry(self)) is not None:
            return entry
        first, self._first = self._first, None
        if first is None:
            raise RuntimeError("this budget block was left without being entered")
        return first


_open_entries: ContextVar[tuple[tuple[BudgetBlock, _Entry], ...]] = ContextVar(
    "perfkit_open_blocks", default=()
)
"""Entries of blocks that were open already, innermost first: each task and thread has its own."""


def _take_entry(block: BudgetBlock) -> _Entry | None:
    """Remove and return the innermost entry of `block` in this task or thread."""
    entries = _open_entries.get()
    for position, (owner, entry) in enumerate(entries):
        if owner is block:
            _open_entries.set(entries[:position] + entries[position + 1 :])
            return entry
    return None


def budget(name: str | None = None, /, **options: Unpack[BudgetOptions]) -> BudgetBlock:
    """Hold a block of code to a budget, with ``with`` or ``async with``.

    >>> with budget("import_users", duration="2s", memory_peak="50MB") as spent:
    ...     users = [str(number) for number in range(1000)]
    >>> spent.duration < 2 and spent.memory_peak < 50e6
    True

    Args:
        name: A budget of the catalog, or a new name for the limits given here; None for a block
            named after the function that it stands in.
        **options: A limit for any metric by its name. A limit is a text (``"2s"``, ``"50MB"``,
            ``"> 95%"``), a number in base units, a timedelta, a pair ``(target, threshold)``, or a
            mapping with ``target``, ``threshold``, ``statistic``, ``window``, ``min_samples``; a
            single value is the threshold and the target too. Then ``category``, ``critical``,
            ``description``; ``spans`` (``"always"``, ``"violations"``, ``"never"``); and
            ``on_violation``: the sinks for this place, by name (``"log"``, ``"raise"``), as a
            callable of one violation, as a sink, or several of these in a list.

    Returns:
        A context manager that gives a `Spent`. It can be used as a decorator too.

    Raises:
        TypeError: If an argument is unknown.
        BudgetError: If a limit cannot be read.
        BudgetExceeded: On leaving the block, with ``on_violation="raise"``.

    What the block costs is read when it ends, also by an exception or a cancellation. An
    ``async with`` block is charged for all that ran in its thread while it waited; to tell
    concurrent tasks apart, decorate a coroutine function instead.
    """
    frame = sys._getframe(1)  # noqa: SLF001 - the caller's place, without the cost of inspect.stack
    if name is not None and not isinstance(name, str):
        raise TypeError(
            f"budget() takes the name of a budget, not {name!r}; to decorate, use timed"
        )
    return BudgetBlock(_callsite_of(frame, name, options))


_MOST_CALLSITES: Final = 10_000
_callsites: dict[tuple[CodeType, int, str | None], tuple[Mapping[str, Any], Callsite]] = {}


def _callsite_of(frame: FrameType, name: str | None, options: Mapping[str, Any]) -> Callsite:
    """Return the callsite of a place in the code: one for each place and name, so plans last."""
    code = frame.f_code
    key = (code, frame.f_lasti, name)
    known = _callsites.get(key)
    if known is not None and known[0] == options:
        return known[1]
    where = Where(
        function=f"{frame.f_globals.get('__name__', '')}.{code.co_qualname}",
        file=code.co_filename,
        line=frame.f_lineno,
    )
    callsite = Callsite(request_of(name, options), where)
    if len(_callsites) >= _MOST_CALLSITES:
        _callsites.clear()
    _callsites[key] = (options, callsite)
    return callsite
