"""Check that a sink fulfils the contract of sinks."""

from __future__ import annotations

import asyncio
import inspect
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from perfkit.errors import DeliveryError
from perfkit.instruments.options import as_sink
from perfkit.model import Sink, Violation
from perfkit.testing.samples import PLAIN, sample_violations
from perfkit.testing.sink_surroundings import (
    try_after_a_fork,
    watching_what_it_changes,
    watching_what_it_prints,
)
from perfkit.testing.sink_trial import (
    SinkHangsError,
    Trial,
    describe,
    is_wait,
    quoted,
)

_MOST_NAMED: Final = 3
_THREADS: Final = 8
_EACH: Final = 5
_MANY: Final = 150


def check_sink(
    sink: Sink | Callable[[Violation], object],
    *,
    longest_seconds: float = 5.0,
    may_print: bool = False,
) -> None:
    """Check that a sink fulfils the contract of sinks; report all problems in one error.

    The sink receives violations of every kind (`sample_violations`): one by one, in a thread with a
    running event loop, from several threads at once, and in a forked child. It must accept them,
    return None, and change neither the violations nor the state of the process. If it has
    ``emit_many``, ``tick``, ``flush``, ``close`` or ``destination``, these are checked too;
    ``close`` is called last.

    Connect the sink to a fake of its backend: it delivers some hundred violations that look real.
    The caller can then check the content that arrived there.

    >>> from perfkit.testing import check_sink
    >>> heard = []
    >>> check_sink(heard.append)
    >>> len(heard) > 50
    True

    Args:
        sink: A sink, or a callable of one violation.
        longest_seconds: The timeout of one delivery; a multiple of it in other checks.
        may_print: Whether the sink may write to standard output and standard error.

    Raises:
        AssertionError: If there are problems; for each it lists the call, the wrong result and the
            correct behaviour.
        TypeError: If `sink` is not a sink.

    Not safe from two threads at once, as it compares global state of the process.
    """
    if isinstance(sink, type | str):
        raise TypeError(f"{sink!r} is a class or a name; give check_sink the sink itself")
    trial = Trial(as_sink(sink), longest_seconds)
    with (
        watching_what_it_prints(trial, may_print=may_print),
        watching_what_it_changes(trial),
        suppress(SinkHangsError),  # which is noted
    ):
        _try(trial)
    if trial.problems:
        raise AssertionError(_report(trial))


def _try(trial: Trial) -> None:
    _look_at_the_destination(trial)
    known = len(trial.problems)
    if not _try_a_plain_one(trial):
        return
    _try_to_flush(trial)  # queued violations are the parent's
    # A sink that fails in the parent would fail in the child too, and be reported twice.
    if len(trial.problems) == known:
        try_after_a_fork(trial)
    _try_every_kind(trial)
    _try_in_an_event_loop(trial)
    _try_in_several_threads(trial)
    _try_many(trial)
    _try_to_tick(trial)
    _try_to_flush(trial)
    _try_to_close(trial)


def _look_at_the_destination(trial: Trial) -> None:
    """Check `destination`, the readable name of the receiver, if the sink has it."""
    try:
        destination = getattr(trial.sink, "destination", "nowhere")
    except Exception as error:  # noqa: BLE001 - a property may raise anything
        happened = f"it raised {describe(error)}"
        trial.note("destination", happened, "make it a text that is always there")
        return
    if not isinstance(destination, str) or not destination or not destination.isprintable():
        remedy = "make it one line of text for people, without secrets"
        trial.note("destination", f"it is {quoted(destination)}", remedy)


def _try_a_plain_one(trial: Trial) -> bool:
    """Deliver a plain violation; return False if the backend of all further checks is missing."""
    done = f"emit, given {PLAIN}"
    (call,) = trial.call(done, trial.emit)
    trial.judge_result(done, call.result)
    if isinstance(call.error, DeliveryError | OSError):
        trial.note(
            done,
            f"it raised {describe(call.error)}",
            "it cannot be checked without its backend: start that, or a small stand-in, and lead "
            "the sink there",
        )
        return False
    if call.error is not None:
        trial.judge_error(done, call.error)
    return True


def _try_every_kind(trial: Trial) -> None:
    """Deliver violations of every kind; other sinks receive the same objects, unchanged."""
    at_ns = time.time_ns()
    as_new = sample_violations(at_ns)
    for name, violation in sample_violations(at_ns).items():
        done = f"emit, given {name}"
        trial.deliver(done, partial(trial.emit, violation))
        # `==` does not compare the details of evidence.
        if violation != as_new[name] or _details(violation) != _details(as_new[name]):
            trial.note(
                done,
                "it changed the violation, which other sinks are given too",
                "copy what it changes, such as the rows of the evidence",
            )


def _try_in_an_event_loop(trial: Trial) -> None:
    """Deliver in a thread with a running event loop, where `asyncio.run` raises."""

    async def within() -> object:
        result = trial.emit()
        # A sink may start a task instead of waiting. `asyncio.run` would cancel it at the end.
        begun = asyncio.all_tasks() - {asyncio.current_task()}
        if begun:
            await asyncio.wait(begun, timeout=trial.longest_seconds)
        return result

    trial.deliver(
        "emit, in a thread whose event loop is running",
        lambda: asyncio.run(within()),
        remedy="do without an event loop, or hand a coroutine function to "
        "perfkit.sinks.CallbackSink",
    )


def _try_in_several_threads(trial: Trial) -> None:
    """Deliver from several threads at once, as any thread of an application may break a budget."""
    barrier = threading.Barrier(_THREADS)

    def work() -> object:
        barrier.wait(trial.longest_seconds)
        results = (trial.emit() for _ in range(_EACH))
        return next((each for each in results if each is not None), None)

    before = sys.getswitchinterval()
    # The default of 5 ms is longer than most deliveries, so that few races would show.
    sys.setswitchinterval(1e-5)
    try:
        trial.deliver(
            f"emit, from {_THREADS} threads at once",
            *[work] * _THREADS,
            remedy="keep nothing between two calls, or guard it with a lock",
        )
    finally:
        sys.setswitchinterval(before)


def _try_many(trial: Trial) -> None:
    if (emit_many := trial.method("emit_many")) is None:
        return
    for many in (1, _MANY):
        violations = (sample_violations(time.time_ns())[PLAIN],) * many
        trial.deliver(
            f"emit_many, given a tuple of {many}",
            partial(emit_many, violations),
            remedy="take any sequence of violations that is not empty",
        )


def _try_to_tick(trial: Trial) -> None:
    call = trial.call_method("tick", "tick", "let it raise only where delivering fails")
    if call is not None and call.result is not None and not is_wait(call.result):
        trial.note(
            "tick",
            f"it returned {quoted(call.result)}",
            "return in how many seconds to call it again, zero or more, or None if nothing waits",
        )


def _try_to_flush(trial: Trial) -> None:
    done = f"flush({trial.longest_seconds:g})"
    remedy = "let it take the seconds that there are, and bring away what waits"
    call = trial.call_method("flush", done, remedy, trial.longest_seconds)
    if call is not None and call.result is not None and call.result is not True:
        trial.note(
            done,
            f"it returned {quoted(call.result)}",
            "deliver all that was given, and return whether nothing waits any more, or None",
        )


def _try_to_close(trial: Trial) -> None:
    """Call `close` twice, if the sink has it: a second call must not raise."""
    close: Any = trial.method("close")
    arguments = () if close is None or _takes_nothing(close) else (trial.longest_seconds,)
    for done in ("close", "close, for the second time"):
        remedy = "let it end in peace, however often it is called"
        trial.call_method("close", done, remedy, *arguments)


def _details(violation: Violation) -> list[object]:
    return [each.detail for each in violation.evidence]


def _takes_nothing(function: Callable[..., object]) -> bool:
    try:
        inspect.signature(function).bind()
    except (TypeError, ValueError):
        return False
    return True


def _report(trial: Trial) -> str:
    count = f"{len(trial.problems)} problem{'s' if len(trial.problems) > 1 else ''}"
    lines = [f"{type(trial.sink).__name__} is not yet a sink as perfkit expects them: {count}"]
    for number, ((happened, remedy), done) in enumerate(trial.problems.items(), start=1):
        lines += ["", f"{number}. {_together(done)}:", f"   {happened}.", f"   Instead: {remedy}."]
    return "\n".join(lines)


def _together(done: Sequence[str]) -> str:
    first, *others = done
    named = [first, *(each.removeprefix("emit, ") for each in others[: _MOST_NAMED - 1])]
    more = len(done) - len(named)
    return "; ".join(named) + (f"; and {more} more" if more else "")
