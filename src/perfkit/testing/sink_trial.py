"""Call a sink under test with a timeout for each call, and record the problems found."""

from __future__ import annotations

import contextvars
import inspect
import math
import re
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from attrs import define, field

from perfkit.errors import BudgetExceeded, DeliveryError
from perfkit.model import Violation
from perfkit.testing.samples import PLAIN, sample_violations

_MOST_QUOTED: Final = 300
_TAKE_EVERY: Final = (
    "take violations of every kind, as perfkit.testing.sample_violations() has them"
)


class SinkHangsError(Exception):
    """A call of the sink did not return in time, so that no further check is possible."""


class _Call(threading.Thread):
    """One call, in a daemon thread, so that a sink that hangs cannot prevent the exit.

    Once it runs, `daemon` is False. A thread inherits `daemon` from the thread that starts it, and
    the threads of a sink should get the same default as from the main thread: otherwise the check
    for non-daemon threads would find none.
    """

    has_begun = False
    result: object = None
    error: BaseException | None = None

    def __init__(self, function: Callable[[], object]) -> None:
        super().__init__(name="perfkit-check", daemon=True)
        self._function, self._copied_context = function, contextvars.copy_context()

    @property
    def daemon(self) -> bool:  # type: ignore[override]  # nobody is to set it
        return not self.has_begun

    def run(self) -> None:
        self.has_begun = True  # Python itself read `daemon` when this thread started
        try:
            self.result = self._copied_context.run(self._function)
        except BaseException as error:  # noqa: BLE001 - a sink that raises SystemExit is what is looked for
            self.error = error


@define(eq=False)
class Trial:
    """Calls a sink and records the problems of its behaviour.

    Each call runs in its own daemon thread, in a copy of the caller's context, so that a sink that
    hangs does not block the check. `longest_seconds` is the timeout of one call. `problems` has the
    calls with each wrong result and the correct behaviour.
    """

    sink: Any
    longest_seconds: float
    problems: dict[tuple[str, str], list[str]] = field(factory=dict)

    def note(self, done: str, happened: str, remedy: str) -> None:
        """Record a problem, once."""
        calls = self.problems.setdefault((happened, remedy), [])
        if done not in calls:
            calls.append(done)

    def emit(self, violation: Violation | None = None) -> object:
        """Deliver a violation, by default a plain one, in this thread; return the result.

        An exception that the sink raises by design, as the raise sink does, is not raised.
        """
        given = violation or sample_violations(time.time_ns())[PLAIN]
        try:
            return self.sink.emit(given)
        except BudgetExceeded:
            if getattr(self.sink, "reaches_caller", False) is True:
                return None
            raise

    def call(self, done: str, *functions: Callable[[], object], times: int = 1) -> Sequence[_Call]:
        """Call functions at once, each in a thread, for at most `times` `longest_seconds`.

        Raises:
            SinkHangsError: If one has not returned by then.
        """
        calls = [_Call(function) for function in functions]
        for call in calls:
            call.start()
        seconds = times * self.longest_seconds
        for call in calls:
            call.join(seconds)
            if call.is_alive():
                self.note(
                    done,
                    f"it had not ended after {seconds:g} s",
                    "bound all waiting, for locks, connections and answers, or give check_sink a "
                    "longer longest_seconds; nothing more was checked",
                )
                raise SinkHangsError
        return calls

    def deliver(
        self, done: str, *functions: Callable[[], object], remedy: str = _TAKE_EVERY
    ) -> None:
        """Deliver violations, and record a result or an exception that a sink must not produce."""
        for call in self.call(done, *functions, times=len(functions)):
            self.judge_result(done, call.result)
            if call.error is not None:
                self.judge_error(done, call.error, remedy)

    def call_method(self, name: str, done: str, remedy: str, *arguments: object) -> _Call | None:
        """Call a method; return None if the sink lacks it, or if it raised, which is recorded."""
        method = self.method(name)
        if method is None:
            return None
        (call,) = self.call(done, partial(method, *arguments), times=2)
        if inspect.iscoroutine(call.result):
            call.result.close()  # else Python warns that nobody awaits it
        if call.error is None:
            return call
        self.judge_error(done, call.error, remedy)
        return None

    def judge_result(self, done: str, result: object) -> None:
        """Record a result that is not None, which perfkit would ignore."""
        if inspect.isawaitable(result):
            if inspect.iscoroutine(result):
                result.close()  # as above
            self.note(
                done,
                f"it returned {quoted(result)}, which nobody awaits",
                "make it a plain method, or wrap an async function in perfkit.sinks.CallbackSink",
            )
        elif result is not None:
            self.note(
                done,
                f"it returned {quoted(result)}, which nobody looks at",
                "return None when it has arrived, and raise perfkit.DeliveryError when it has not",
            )

    def judge_error(self, done: str, error: BaseException, remedy: str = _TAKE_EVERY) -> None:
        """Record an exception, and attributes of it that delivery layers cannot use."""
        if isinstance(error, Exception):
            self.note(done, f"it raised {describe(error)}", remedy)
        else:
            self.note(
                done,
                f"it raised {describe(error)}, which ends threads and programs",
                "raise perfkit.DeliveryError or another Exception",
            )
        if not isinstance(error, DeliveryError):
            return
        wait: object = error.retry_after
        if wait is not None and not is_wait(wait):
            self.note(
                done,
                f"it raised DeliveryError with retry_after={wait!r}",
                "give it seconds from now, zero or more, or None",
            )
        reason: object = error.reason
        if not isinstance(reason, str) or not reason:
            self.note(
                done,
                f"it raised DeliveryError with reason={reason!r}",
                'give it one word for the count of what is lost, such as "timeout"',
            )

    def method(self, name: str) -> Callable[..., Any] | None:
        """Return the method `name` of the sink; None if it is not there."""
        found = getattr(self.sink, name, None)
        return found if callable(found) else None


def is_wait(value: object) -> bool:
    """Return whether `value` is a number of seconds to wait."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def describe(error: BaseException) -> str:
    """Return the type and the text of an exception, on one line."""
    text = quoted(str(error))[1:-1]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def quoted(value: object) -> str:
    """Return the beginning of the `repr` of a value, in ASCII, without memory addresses."""
    text = re.sub(" at 0x[0-9a-fA-F]+", "", ascii(value))
    return text if len(text) <= _MOST_QUOTED else f"{text[:_MOST_QUOTED]} ..."
