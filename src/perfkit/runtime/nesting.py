"""Attribute the time of a call to the budgets of its nested calls and to itself.

Each measured call has a `CallNode` while some budget needs ``children`` evidence. A node that ends
reports its cost to the enclosing node, in the same task or thread, or in the one that started it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Final

from attrs import define, evolve

from perfkit.model import Evidence
from perfkit.reentrancy import Lock, busy
from perfkit.units import Unit, format_quantity

_MOST_ROWS: Final = 50


@define
class _Cost:
    calls: int = 0
    total_ns: int = 0
    own_ns: int = 0


class CallNode:
    """One measured call, while it runs. Safe from any thread.

    Args:
        name: The name of its budget.
        now_ns: When it started, monotonic nanoseconds.
    """

    __slots__ = (
        "_around",
        "_covered_ns",
        "_covered_since_ns",
        "_has_ended",
        "_inside",
        "_lock",
        "_name",
        "_outside",
        "_own_ns",
        "_running",
    )

    def __init__(self, name: str, now_ns: int) -> None:
        self._name = name
        self._lock = Lock()
        self._running = 0
        self._covered_ns = 0
        self._covered_since_ns = 0
        self._inside: dict[tuple[str, ...], _Cost] = {}
        self._own_ns = 0
        self._has_ended = False
        self._outside: CallNode | None = None
        self._around = _current.get()
        if self._around is not None and self._around._has_ended:  # noqa: SLF001 - of the same class
            # A task or callback that the ended call started has a copy of its context.
            self._around = None
        if self._around is not None:
            self._around._child_started(now_ns)  # noqa: SLF001 - of the same class

    def enter(self) -> None:
        """Become the current node of this context."""
        self._outside = _current.get()
        _current.set(self)

    def leave(self) -> None:
        """Restore the node that was current before `enter`."""
        _current.set(self._outside)
        self._outside = None

    def end(self, elapsed_ns: int, now_ns: int) -> None:
        """End the node, and report its cost to the enclosing node.

        Args:
            elapsed_ns: The duration of the call, nanoseconds.
            now_ns: When it ended, monotonic nanoseconds.
        """
        with busy, self._lock:
            # A nested call may outlive this one: count its time up to now as covered.
            if self._running:
                self._covered_ns += now_ns - self._covered_since_ns
                self._covered_since_ns = now_ns
            self._own_ns = max(0, elapsed_ns - self._covered_ns)
            self._has_ended = True
            ended: dict[tuple[str, ...], _Cost] = {}
            ended[self._name,] = _Cost(1, elapsed_ns, self._own_ns)
            ended |= {(self._name, *path): evolve(cost) for path, cost in self._inside.items()}
        around, self._around = self._around, None
        if around is not None:
            around._child_ended(ended, now_ns)  # noqa: SLF001 - of the same class

    def evidence(self, elapsed_ns: int) -> Evidence:
        """Return the cost per budget of the nested calls, the most expensive first.

        Valid after `end`. Concurrent calls count in full each, so their sum may exceed the
        duration. The own time of the call is the time in which no nested call ran.
        """
        with busy, self._lock:
            inside = sorted(self._inside.items(), key=lambda item: -item[1].total_ns)
        itself = ("(self)",), _Cost(1, elapsed_ns, self._own_ns)
        rows = [
            {
                "budget": " > ".join(path),
                "calls": cost.calls,
                "total_s": cost.total_ns / 1e9,
                "self_s": cost.own_ns / 1e9,
            }
            for path, cost in (*inside[:_MOST_ROWS], itself)
        ]
        summary = _summary(inside, self._own_ns)
        return Evidence(kind="children", summary=summary, rows=tuple(rows))

    def _child_started(self, now_ns: int) -> None:
        with busy, self._lock:
            if not self._running:
                self._covered_since_ns = now_ns
            self._running += 1

    def _child_ended(self, ended: Mapping[tuple[str, ...], _Cost], now_ns: int) -> None:
        with busy, self._lock:
            self._running -= 1
            if not self._running:
                self._covered_ns += now_ns - self._covered_since_ns
            for path, cost in ended.items():
                self._add(path, cost)

    def _add(self, path: tuple[str, ...], cost: _Cost) -> None:
        known = self._inside.get(path)
        if known is None:
            if len(self._inside) >= _MOST_PATHS:
                return
            known = self._inside[path] = _Cost()
        known.calls += cost.calls
        known.total_ns += cost.total_ns
        known.own_ns += cost.own_ns


_MOST_PATHS: Final = 500
_current: ContextVar[CallNode | None] = ContextVar("perfkit_frame", default=None)


def _summary(inside: list[tuple[tuple[str, ...], _Cost]], own_ns: int) -> str:
    own = f"{format_quantity(own_ns / 1e9, Unit.SECONDS)} of its own"
    if not inside:
        return own
    path, cost = inside[0]
    calls = f"{cost.calls} call" + ("s" if cost.calls > 1 else "")
    most = format_quantity(cost.total_ns / 1e9, Unit.SECONDS)
    return f"{most} in {' > '.join(path)} ({calls}), {own}"
