"""`budget()`: measure a block of code, and evaluate it against a budget."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from time import perf_counter_ns
from types import CodeType, FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, Unpack

from perfkit.instruments.budget_result import BudgetResult
from perfkit.instruments.options import BUDGET, BudgetOptions, callsite_options_of
from perfkit.instruments.wrapping import wrap
from perfkit.model.violation import CodeLocation
from perfkit.reentrancy import defer
from perfkit.runtime.callsite import Callsite
from perfkit.runtime.state import state

if TYPE_CHECKING:
    from perfkit.runtime.call import Call
    from perfkit.runtime.in_flight import InFlight

F = TypeVar("F", bound=Callable[..., Any])


class BudgetBlock(BudgetResult):
    """The return value of `budget`: a sync and async context manager, and a decorator.

    It is the `BudgetResult` of its first entry. It may be entered again, also while it is open, by
    recursion, another thread or another task: each further entry returns a new `BudgetResult`.
    """

    # No __init__: `budget` sets _site and _began_ns itself, at half the cost. _began_ns is None
    # before the first entry. After an entry on the slow path it is _LONG_AGO: the duration in
    # `__exit__` then exceeds every limit, so `_leave_at_length` runs without a check of its own.
    __slots__ = ("_began_ns", "_first", "_in_flight")

    _began_ns: int | None
    _first: _Entry | int | None
    _in_flight: InFlight

    def __enter__(self) -> BudgetResult:
        site = self._site
        if site.fast_generation != state.generation or self._began_ns is not None:
            return self._enter_at_length()
        if site.is_tracked:
            return self._enter_counted(site)
        self._began_ns = perf_counter_ns()
        return self

    def __exit__(
        self, kind: object, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        elapsed = perf_counter_ns() - self._began_ns  # type: ignore[operator]  # None: not entered
        site = self._site
        if elapsed <= site.within_limits_ns and error is None:
            self._elapsed_ns = elapsed
            durations = site.durations
            durations.append(elapsed)
            if len(durations) >= site.capacity:
                site.drain()
        else:
            self._leave_at_length(elapsed, error)

    async def __aenter__(self) -> BudgetResult:
        return self.__enter__()

    async def __aexit__(
        self, kind: object, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def __call__(self, function: F) -> F:
        """Measure each call of `function` instead, as `timed` does."""
        return wrap(function, self._site.options)

    def _enter_at_length(self) -> BudgetResult:
        """Enter on the slow path: the fast path is disabled, or in use by another entry."""
        if self._began_ns is None:
            return self._enter_first()
        # Save the start of the first entry, which is still open if it has no duration yet: the next
        # exit may be of this entry or of that one.
        if self._began_ns != _LONG_AGO:
            self._first = None if hasattr(self, "_elapsed_ns") else self._began_ns
            self._began_ns = _LONG_AGO
        spent = BudgetResult()
        spent._site = self._site  # noqa: SLF001 - for its repr
        call = spent._call = self._begin()  # noqa: SLF001 - read there
        entry = (call, spent)
        _open_entries.set(((self, entry), *_open_entries.get()))
        return spent

    def _enter_first(self) -> BudgetResult:
        self._site = _renewed(self._site)
        site = self._site
        if site.is_tracked:
            return self._enter_counted(site)
        if site.is_fast:
            self._began_ns = perf_counter_ns()
        else:
            self._began_ns = _LONG_AGO
            self._call = self._begin()
            self._first = (self._call, self)
        return self

    def _begin(self) -> Call | None:
        return _callsite_of(_users_frame(), self._site).begin()

    def _enter_counted(self, site: Callsite) -> BudgetResult:
        """Enter on the fast path, with the entry counted as in flight while it is open."""
        # The start is moved by _FAR into the past: the duration in `__exit__` then exceeds every
        # limit, and `_leave_short` corrects it.
        in_flight = self._in_flight = site.in_flight
        in_flight.running.append(None)
        in_flight.levels.append(len(in_flight.running))
        self._began_ns = perf_counter_ns() - _FAR
        return self

    def _leave_at_length(self, elapsed_ns: int, error: BaseException | None) -> None:
        """Leave the innermost entry of this task or thread, else the first entry."""
        if self._began_ns != _LONG_AGO:
            self._leave_short(elapsed_ns, error)
            return
        entry: _Entry | int | None = _take_entry(self)
        if entry is None:
            entry, self._first = self._first, None
        if isinstance(entry, int):
            self._leave_short(elapsed_ns + _LONG_AGO - entry, error)
        elif entry is not None:
            _finish(entry, error)

    def _leave_short(self, elapsed_ns: int, error: BaseException | None) -> None:
        """End an entry on the fast path that was counted, failed or exceeded its limits."""
        # A shorter duration is of an entry that was not counted; see `_enter_counted`.
        if elapsed_ns < _FAR:
            self._settle(elapsed_ns, error)
            return
        elapsed_ns -= _FAR
        del self._in_flight.running[-1:]
        site = self._site
        if elapsed_ns > site.within_limits_ns or error is not None:
            self._settle(elapsed_ns, error)
            return
        self._elapsed_ns = elapsed_ns
        site.durations.append(elapsed_ns)
        if len(site.durations) >= site.capacity:
            site.drain()

    def _settle(self, elapsed_ns: int, error: BaseException | None) -> None:
        """End an entry on the fast path that failed or exceeded its limits."""
        site = _callsite_of(_users_frame(), self._site)
        site.renew()
        self._elapsed_ns = elapsed_ns
        # `BudgetResult` evaluates a bare duration on access, as of a successful block.
        if error is not None:
            self._finished = site.evaluate_duration(elapsed_ns, error)
        site.settle(elapsed_ns, error)


_LONG_AGO: Final = -(2**62)
_FAR: Final = 2**61 + 2**60
_Entry: TypeAlias = "tuple[Call | None, BudgetResult]"
_open_entries: ContextVar[tuple[tuple[BudgetBlock, _Entry], ...]] = ContextVar(
    "perfkit_open_blocks", default=()
)
"""Further entries of open blocks, innermost first, for each task and thread."""


def _take_entry(block: BudgetBlock) -> _Entry | None:
    """Remove and return the innermost entry of `block` in this task or thread."""
    entries = _open_entries.get()
    for position, (owner, entry) in enumerate(entries):
        if owner is block:
            _open_entries.set(entries[:position] + entries[position + 1 :])
            return entry
    return None


def _finish(entry: _Entry, error: BaseException | None) -> None:
    call, spent = entry
    if call is not None and not defer(_finish, entry, error):
        spent._finished = call.finish(error)  # noqa: SLF001 - read there
        call.deliver_result(spent._finished, error)  # noqa: SLF001 - likewise


def budget(name: str | None = None, /, **options: Unpack[BudgetOptions]) -> BudgetBlock:
    """Evaluate a block of code against a budget, with ``with`` or ``async with``.

    >>> with budget("import_users", duration="2s", memory_peak="50MB") as spent:
    ...     users = [str(number) for number in range(1000)]
    >>> spent.duration < 2 and spent.memory_peak < 50e6
    True

    Args:
        name: A budget of the catalog, or a new name for the limits in the arguments; None for a
            block named after its function.
        **options: A limit for any metric by its name. A limit is a text (``"2s"``, ``"50MB"``,
            ``"> 95%"``), a number in base units, a timedelta, a pair ``(target, threshold)``, or a
            mapping with ``target``, ``threshold``, ``statistic``, ``window``, ``min_samples``; a
            single value is the threshold and the target too. ``objective``: the share of calls that
            are to be good (``"99.9%"``). ``evidence``: kinds to gather after a violation
            (``["cpu", "memory", "stack", "children"]``). Then ``category``, ``critical``,
            ``description``; ``spans`` (``"always"``, ``"violations"``, ``"never"``); and
            ``on_violation``: the sinks for this place, by name (``"log"``, ``"raise"``), as a
            callable of one violation, as a sink, or several of these in a list.

    Returns:
        A context manager that returns a `BudgetResult`, and a decorator.

    Raises:
        TypeError: If an argument is unknown.
        BudgetError: If a limit cannot be parsed.
        BudgetExceeded: On leaving the block, with ``on_violation="raise"``.

    The cost is measured when the block ends, also by an exception or a cancellation. The cost of an
    ``async with`` block includes other code that ran in its thread while it waited; to measure
    concurrent tasks separately, decorate a coroutine function instead. Safe from any thread and
    task.
    """
    block = BudgetBlock()
    block._began_ns = None  # noqa: SLF001 - see the class
    if options or name is None:
        callsite_options = callsite_options_of(BUDGET, _checked(name), options)
        block._site = _callsite_of(sys._getframe(1), Callsite(callsite_options, _ANYWHERE))  # noqa: SLF001 - likewise
        return block
    try:
        block._site = _by_name[name]  # noqa: SLF001 - likewise
    except (KeyError, TypeError):
        site = Callsite(callsite_options_of(BUDGET, _checked(name), {}), _ANYWHERE)
        block._site = _keep(site)  # noqa: SLF001 - likewise
    return block


def _checked(name: object) -> str | None:
    if name is None or isinstance(name, str):
        return name
    raise TypeError(f"budget() takes the name of a budget, not {name!r}; to decorate, use timed")


_MOST_CALLSITES: Final = 10_000
_ANYWHERE: Final = CodeLocation(function="")
"""The location of a block until it is needed: a lookup would cost as much as the clock."""

_by_name: dict[str | None, Callsite] = {}
"""Callsites of blocks without options, for entries within their limits."""

_callsites: dict[tuple[int, int, str | None], tuple[CodeType, Callsite]] = {}
"""The callsite for each location and name. It references the code, so that its id is not reused."""


def _keep(site: Callsite) -> Callsite:
    # Bounded, because a loop may make names at run time.
    if len(_by_name) >= _MOST_CALLSITES:
        _by_name.clear()
    _by_name[site.options.name] = site
    return site


def _renewed(site: Callsite) -> Callsite:
    # A callsite that is shared by name never changes its plan: a finished block is evaluated on
    # access, under the plan that it ran under.
    if site.where is not _ANYWHERE:
        site.renew()
        return site
    if site.is_planned and site.is_outdated():
        site = _keep(Callsite(site.options, _ANYWHERE))
    site.renew()
    return site


def _users_frame() -> FrameType:
    """Return the frame that entered or left the block."""
    frame = sys._getframe(1)  # noqa: SLF001 - inspect.stack costs a thousand times as much
    while frame.f_code.co_filename == __file__ and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _callsite_of(frame: FrameType, site: Callsite) -> Callsite:
    """Return the callsite for a block at a location: one per location and name, to reuse plans."""
    if site.where is not _ANYWHERE:
        return site
    code = frame.f_code
    key = (id(code), frame.f_lineno, site.options.name)
    known = _callsites.get(key)
    if known is None or known[1].options != site.options:
        where = CodeLocation(
            function=f"{frame.f_globals.get('__name__', '')}.{code.co_qualname}",
            file=code.co_filename,
            line=frame.f_lineno,
        )
        if len(_callsites) >= _MOST_CALLSITES:
            _callsites.clear()
        known = _callsites[key] = (code, Callsite(site.options, where))
    return known[1]
