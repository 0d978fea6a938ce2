"""Call a sink under test with a timeout for each call, and record the problems found."""

from __future__ import annotations

import contextvars
import inspect
import math
import re
import threading
from collections.abc import Callable, Sequence
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
    """A problem of a sink: the call that was made, its wrong result, and the correct behaviour."""

    done: str
    happened: str
    remedy: str


class SinkHangsError(Exception):
    """A call of the sink did not return in time, so that no further check is possible."""


class _Thread(threading.Thread):
    """A daemon thread, so that a sink that hangs cannot prevent the exit of the program.

    Once it runs, `daemon` is False. A thread inherits `daemon` from the thread that starts it, and
    the threads of a sink should get the same default as from the main thread: otherwise the check
    for non-daemon threads would find none.
    """

    has_begun = False

    @property
    def daemon(self) -> bool:  # type: ignore[override]  # nobody is to set it
        return not self.has_begun


@define(eq=False)
class _Call:
    """One call of a method of the sink, in its own thread."""

    function: Callable[[], object]
    result: object = None
    error: BaseException | None = None
    thread: _Thread = field(init=False)

    def run(self) -> None:
        # From here on, threads that the sink starts do not inherit daemon=True. Python itself read
        # the flag of this thread when it started.
        self.thread.has_begun = True
        try:
            self.result = self.function()
        except BaseException as error:  # noqa: BLE001 - a sink that raises SystemExit is what is looked for
            self.error = error


@define(eq=False)
class Trial:
    """Calls a sink and records the problems of its behaviour.

    Each call runs in its own daemon thread, in a copy of the caller's context, so that a sink that
    hangs does not block the check. `longest_seconds` is the timeout of one call.
    """

    sink: Sink
    longest_seconds: float
    problems: list[Problem] = field(factory=list)

    @property
    def name(self) -> str:
        """The name of the sink's class, for messages."""
        return type(self.sink).__name__

    def note(self, done: str, happened: str, remedy: str) -> None:
        """Record a problem, once."""
        problem = Problem(done, happened, remedy)
        if problem not in self.problems:
            self.problems.append(problem)

    def deliver(self, done: str, emit: Callable[[], object], remedy: str = _TAKE_EVERY) -> None:
        """Deliver violations, and record a result or an exception that a sink must not produce."""
        call = self.call(done, emit)
        self.judge_result(done, call.result)
        if call.error is not None:
            self.judge_error(done, call.error, remedy)

    def call(self, done: str, function: Callable[[], object], times: int = 1) -> _Call:
        """Call `function` in a thread; raise `SinkHangsError` after `times` `longest_seconds`."""
        return self.call_all(done, [function], times)[0]

    def call_all(
        self, done: str, functions: Sequence[Callable[[], object]], times: int
    ) -> Sequence[_Call]:
        """Call several functions concurrently, each in its own thread; see `call`."""
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
                self.note(
                    done,
                    f"it had not ended after {times * self.longest_seconds:g} s",
                    "bound all waiting, for locks, connections and answers, or give check_sink a "
                    "longer longest_seconds; nothing more was checked",
                )
                raise SinkHangsError
        return calls

    def judge_result(self, done: str, result: object) -> None:
        """Record a result that is not None, which perfkit would ignore."""
        if result is None:
            return
        if inspect.isawaitable(result):
            if inspect.iscoroutine(result):
                result.close()  # else Python warns that nobody awaits it
            noun = type(result).__name__
            article = "an" if noun[:1].lower() in "aeiou" else "a"
            self.note(
                done,
                f"it returned {article} {noun}, which nobody awaits",
                "make it a plain method, or wrap an async function in perfkit.sinks.CallbackSink",
            )
        else:
            self.note(
                done,
                f"it returned {quoted(result)}, which nobody looks at",
                "return None when it has arrived, and raise perfkit.DeliveryError when it has not",
            )

    def judge_error(self, done: str, error: BaseException, remedy: str = _TAKE_EVERY) -> None:
        """Record an exception, unless the sink raises it by design."""
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
        """Record attributes of a `DeliveryError` that delivery layers cannot use."""
        wait: object = failure.retry_after
        if wait is not None and (not isinstance(wait, int | float) or not 0 <= wait < math.inf):
            self.note(
                done,
                f"it raised DeliveryError with retry_after={wait!r}",
                "give it seconds from now, zero or more, or None",
            )
        reason: object = failure.reason
        if not isinstance(reason, str) or not reason:
            self.note(
                done,
                f"it raised DeliveryError with reason={reason!r}",
                'give it one word for the count of what is lost, such as "timeout"',
            )

    def is_wanted(self, error: BaseException) -> bool:
        """Return whether the sink raises `error` by design, as the raise sink does."""
        reaches_caller = getattr(self.sink, "reaches_caller", False) is True
        return isinstance(error, BudgetExceeded) and reaches_caller

    def emit(self, violation: Violation) -> Callable[[], object]:
        """Return a function that delivers `violation` to the sink."""
        return lambda: self.sink.emit(violation)

    def method(self, name: str) -> Callable[..., Any] | None:
        """Return the method `name` of the sink; None if it is not there."""
        found = getattr(self.sink, name, None)
        return found if callable(found) else None


def told(error: BaseException) -> str:
    """Return the type and the text of an exception, on one line."""
    text = quoted(str(error))[1:-1]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def quoted(value: object) -> str:
    """Return the beginning of the `repr` of a value, in ASCII, without memory addresses."""
    text = re.sub(" at 0x[0-9a-fA-F]+", "", ascii(value))
    return text if len(text) <= _MOST_QUOTED else f"{text[:_MOST_QUOTED]} ..."
