"""One sink that is tried out: whatever it does, the check of it goes on or ends in good order."""

from __future__ import annotations

import contextvars
import inspect
import math
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from attrs import define, field, frozen

from perfkit.errors import BudgetExceeded, DeliveryError
from perfkit.model import Sink, Violation

_MOST_QUOTED: Final = 300
_TAKE_EVERY: Final = (
    "take violations of every kind, as perfkit.testing.sample_violations() has them"
)


@frozen
class Problem:
    """What is wrong with a sink.

    Args:
        done: What was done, such as ``"emit, given a recovery"``.
        happened: What came of it.
        remedy: What to do instead.
    """

    done: str
    happened: str
    remedy: str


class SinkHangsError(Exception):
    """The sink is still at it, so that nothing more can be tried."""


class _Thread(threading.Thread):
    """A daemon thread, lest a sink that hangs keep the program from ending.

    Threads inherit that from the one that starts them, unless they say what they are. Those that a
    sink starts are to be as they were in the main thread, or nobody would see what they are.
    """

    has_begun = False

    @property
    def daemon(self) -> bool:  # type: ignore[override]  # nobody is to set it
        return not self.has_begun


@define(eq=False)
class _Call:
    """One call of a method of the sink, in a thread of its own."""

    function: Callable[[], object]
    result: object = None
    error: BaseException | None = None
    thread: _Thread = field(init=False)

    def run(self) -> None:
        self.thread.has_begun = True
        try:
            self.result = self.function()
        except BaseException as error:  # noqa: BLE001 - a sink that raises SystemExit is what is looked for
            self.error = error


@define(eq=False)
class Trial:
    """Calls a sink and notes what is wrong with the way that it behaves.

    Each call has a daemon thread of its own, in the context of whoever checks: so a sink that hangs
    does not hang the check.

    Args:
        sink: The sink.
        longest_seconds: How long one call of it may take.
    """

    sink: Sink
    longest_seconds: float
    problems: list[Problem] = field(factory=list)

    @property
    def name(self) -> str:
        """What to call the sink."""
        return type(self.sink).__name__

    def note(self, done: str, happened: str, remedy: str) -> None:
        """Note a problem, once."""
        problem = Problem(done, happened, remedy)
        if problem not in self.problems:
            self.problems.append(problem)

    def deliver(self, done: str, emit: Callable[[], object], remedy: str = _TAKE_EVERY) -> None:
        """Deliver something, and note a result or an exception that is none for a sink.

        Args:
            done: What is done.
            emit: Does it.
            remedy: What to do about an exception.
        """
        call = self.call(done, emit)
        self.judge_result(done, call.result)
        if call.error is not None:
            self.judge_error(done, call.error, remedy)

    def call(self, done: str, function: Callable[[], object], times: int = 1) -> _Call:
        """Call `function` and wait for it.

        Args:
            done: What is done.
            function: What to call.
            times: How many times as long as a single delivery it may take.

        Raises:
            SinkHangsError: If it does not end.
        """
        return self.call_all(done, [function], times)[0]

    def call_all(
        self, done: str, functions: Sequence[Callable[[], object]], times: int
    ) -> Sequence[_Call]:
        """Do the same with several at once, each in a thread of its own."""
        calls = [_Call(function) for function in functions]
        for call in calls:
            call.thread = _Thread(
                target=contextvars.copy_context().run,
                args=(call.run,),
                name="perfkit-check",
                daemon=True,
            )
        for call in calls:
            call.thread.start()
        for call in calls:
            call.thread.join(times * self.longest_seconds)
            if call.thread.is_alive():
                self._note_hanging(done, times)
                raise SinkHangsError
        return calls

    def judge_result(self, done: str, result: object) -> None:
        """Note a result that nobody takes."""
        if result is None:
            return
        if inspect.isawaitable(result):
            if inspect.iscoroutine(result):
                result.close()  # else Python warns that nobody awaits it
            self.note(
                done,
                f"it returned {_a(type(result).__name__)}, which nobody awaits",
                "make it a plain method, or wrap an async function in perfkit.sinks.CallbackSink",
            )
        else:
            self.note(
                done,
                f"it returned {quoted(result)}, which nobody looks at",
                "return None when it has arrived, and raise perfkit.DeliveryError when it has not",
            )

    def judge_error(self, done: str, error: BaseException, remedy: str = _TAKE_EVERY) -> None:
        """Note an exception, unless it is what the sink is for."""
        if self.is_wanted(error):
            return
        if isinstance(error, DeliveryError):
            self.judge_failure(done, error)
        if isinstance(error, Exception):
            self.note(done, f"it raised {told(error)}", remedy)
        else:
            self.note(
                done,
                f"it raised {told(error)}, which ends threads and programs",
                "raise perfkit.DeliveryError or another Exception",
            )

    def judge_failure(self, done: str, failure: DeliveryError) -> None:
        """Note what a failure says that layers cannot use."""
        for happened, remedy in _problems_of(failure):
            self.note(done, happened, remedy)

    def is_wanted(self, error: BaseException) -> bool:
        """Tell whether the sink is there to raise `error`."""
        reaches_caller = getattr(self.sink, "reaches_caller", False) is True
        return isinstance(error, BudgetExceeded) and reaches_caller

    def emit(self, violation: Violation) -> Callable[[], object]:
        """Return what gives `violation` to the sink."""
        return lambda: self.sink.emit(violation)

    def method(self, name: str) -> Callable[..., Any] | None:
        """Return a method that the sink may have or not."""
        found = getattr(self.sink, name, None)
        return found if callable(found) else None

    def _note_hanging(self, done: str, times: int) -> None:
        self.note(
            done,
            f"it had not ended after {times * self.longest_seconds:g} s",
            "bound all waiting, for locks, connections and answers, or give check_sink a longer "
            "longest_seconds; nothing more was checked",
        )


def _problems_of(failure: DeliveryError) -> Iterator[tuple[str, str]]:
    wait: object = failure.retry_after
    if wait is not None and (not isinstance(wait, int | float) or not 0 <= wait < math.inf):
        yield (
            f"it raised DeliveryError with retry_after={wait!r}",
            "give it seconds from now, zero or more, or None",
        )
    reason: object = failure.reason
    if not isinstance(reason, str) or not reason:
        yield (
            f"it raised DeliveryError with reason={reason!r}",
            'give it one word for the count of what is lost, such as "timeout"',
        )


def told(error: BaseException) -> str:
    """Return an exception as part of a line."""
    text = quoted(str(error))[1:-1]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def quoted(value: object) -> str:
    """Return the beginning of how Python writes a value, in ASCII, without its address."""
    text = re.sub(" at 0x[0-9a-fA-F]+", "", ascii(value))
    return text if len(text) <= _MOST_QUOTED else f"{text[:_MOST_QUOTED]} ..."


def _a(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"
