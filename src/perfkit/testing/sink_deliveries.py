"""Checks of the methods of a sink: each function is one check."""

from __future__ import annotations

import asyncio
import inspect
import math
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from perfkit.errors import BudgetExceeded, DeliveryError
from perfkit.model import Violation
from perfkit.testing.samples import PLAIN, sample_violations
from perfkit.testing.sink_trial import Trial, quoted, told

_THREADS: Final = 8
_EACH: Final = 5
_MANY: Final = 150


def try_a_plain_one(trial: Trial) -> bool:
    """Deliver one plain violation; return whether the backend is available.

    Without its backend a sink fails for each violation, so that further checks are useless.
    """
    done = f"emit, given {PLAIN}"
    call = trial.call(done, trial.emit(_samples()[PLAIN]))
    trial.judge_result(done, call.result)
    error = call.error
    if isinstance(error, DeliveryError):
        trial.judge_failure(done, error)
    if isinstance(error, DeliveryError | OSError):
        trial.note(
            done,
            f"it raised {told(error)}",
            "it cannot be checked without its backend: start that, or a small stand-in, and lead "
            "the sink there",
        )
        return False
    if error is not None:
        trial.judge_error(done, error)
    return True


def try_every_kind(trial: Trial) -> None:
    """Deliver violations of every kind; their names are from users' code and may be any text.

    A sink must not change them, because the other sinks receive the same objects.
    """
    at_ns = time.time_ns()
    as_new = sample_violations(at_ns)
    for name, violation in sample_violations(at_ns).items():
        done = f"emit, given {name}"
        trial.deliver(done, trial.emit(violation))
        if not _are_equal(violation, as_new[name]):
            trial.note(
                done,
                "it changed the violation, which other sinks are given too",
                "copy what it changes, such as the rows of the evidence",
            )


def try_in_an_event_loop(trial: Trial) -> None:
    """Deliver in a thread with a running event loop, where `asyncio.run` raises."""

    async def within() -> object:
        result = trial.emit(_samples()[PLAIN])()
        # A sink may start a task instead of waiting. `asyncio.run` would cancel it at the end.
        begun = asyncio.all_tasks() - {asyncio.current_task()}
        if begun:
            await asyncio.wait(begun, timeout=trial.longest_seconds)
        return result

    trial.deliver(
        "emit, in a thread whose event loop is running",
        lambda: asyncio.run(within()),
        "do without an event loop, or hand a coroutine function to perfkit.sinks.CallbackSink",
    )


def try_in_several_threads(trial: Trial) -> None:
    """Deliver from several threads at once, as any thread of an application may break a budget."""
    barrier = threading.Barrier(_THREADS)

    def work() -> object:
        barrier.wait(trial.longest_seconds)
        for _ in range(_EACH):
            try:
                result = trial.emit(_samples()[PLAIN])()
            except BudgetExceeded as error:
                if not trial.is_wanted(error):
                    raise
            else:
                if result is not None:
                    return result
        return None

    before = sys.getswitchinterval()
    # The default of 5 ms is longer than most deliveries, so that few races would show.
    sys.setswitchinterval(1e-5)
    try:
        done = f"emit, from {_THREADS} threads at once"
        calls = trial.call_all(done, [work] * _THREADS, times=_THREADS)
    finally:
        sys.setswitchinterval(before)
    for call in calls:
        trial.judge_result(done, call.result)
        if call.error is not None:
            remedy = "keep nothing between two calls, or guard it with a lock"
            trial.judge_error(done, call.error, remedy)


def try_many(trial: Trial) -> None:
    """Call `emit_many`, if the sink has it, with 1 violation and with 150."""
    if (emit_many := trial.method("emit_many")) is None:
        return
    for many in (1, _MANY):
        violations = tuple(_samples()[PLAIN] for _ in range(many))
        trial.deliver(
            f"emit_many, given a tuple of {many}",
            partial(emit_many, violations),
            "take any sequence of violations that is not empty",
        )


def try_to_tick(trial: Trial) -> None:
    """Call `tick`, if the sink has it, and check the wait that it returns."""
    if (tick := trial.method("tick")) is None:
        return
    call = trial.call("tick", tick)
    if call.error is not None:
        trial.judge_error("tick", call.error, "let it raise only where delivering fails")
    elif not _is_wait(call.result):
        _drop(call.result)
        trial.note(
            "tick",
            f"it returned {quoted(call.result)}",
            "return in how many seconds to call it again, zero or more, or None if nothing waits",
        )


def try_to_flush(trial: Trial) -> None:
    """Call `flush`, if the sink has it, as `perfkit.flush_sinks` does."""
    if (flush := trial.method("flush")) is None:
        return
    done = f"flush({trial.longest_seconds:g})"
    call = trial.call(done, lambda: flush(trial.longest_seconds), times=2)
    if call.error is not None:
        remedy = "let it take the seconds that there are, and bring away what waits"
        trial.judge_error(done, call.error, remedy)
    elif call.result is False:
        trial.note(done, "it returned False: something waits still", "deliver all that was given")
    elif call.result not in {None, True}:
        _drop(call.result)
        trial.note(
            done,
            f"it returned {quoted(call.result)}",
            "return whether nothing waits any more, or None",
        )


def try_to_close(trial: Trial) -> None:
    """Call `close` twice, if the sink has it: a second call must not raise."""
    if (close := trial.method("close")) is None:
        return
    arguments = () if _takes(close, 0) else (trial.longest_seconds,)
    for done in ("close", "close, for the second time"):
        call = trial.call(done, lambda: close(*arguments), times=2)
        if call.error is not None:
            trial.judge_error(done, call.error, "let it end in peace, however often it is called")
        _drop(call.result)


def look_at_the_destination(trial: Trial) -> None:
    """Check `destination`, the readable name of the receiver, if the sink has it."""
    try:
        destination = getattr(trial.sink, "destination", "nowhere")
    except Exception as error:  # noqa: BLE001 - a property may raise anything
        trial.note("destination", f"it raised {told(error)}", "make it a text that is always there")
        return
    if not isinstance(destination, str) or not destination or not destination.isprintable():
        trial.note(
            "destination",
            f"it is {quoted(destination)}",
            "make it one line of text for people, without secrets",
        )


def _samples() -> dict[str, Violation]:
    return sample_violations(time.time_ns())


def _are_equal(one: Violation, other: Violation) -> bool:
    """Compare violations and the details of their evidence, which ``==`` does not compare."""
    details = [[each.detail for each in violation.evidence] for violation in (one, other)]
    return one == other and details[0] == details[1]


def _is_wait(value: object) -> bool:
    if value is None:
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _takes(function: Callable[..., object], count: int) -> bool:
    try:
        inspect.signature(function).bind(*[None] * count)
    except (TypeError, ValueError):
        return False
    return True


def _drop(result: object) -> None:
    """Close a coroutine that is never awaited, to avoid Python's warning."""
    if inspect.iscoroutine(result):
        result.close()


WHAT_IT_TAKES: Final[Sequence[Callable[[Trial], None]]] = (
    try_every_kind,
    try_in_an_event_loop,
    try_in_several_threads,
    try_many,
    try_to_tick,
    try_to_flush,
    try_to_close,
)
"""The checks after that of a plain violation, in order."""
