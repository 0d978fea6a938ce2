"""Callbacks that are coroutine functions, wherever a violation is delivered."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any

import pytest

from perfkit import Violation
from perfkit.errors import DeliveryError
from perfkit.sinks import CallbackSink
from perfkit.sinks.builtin.callback import MOST_TASKS, is_delivering, origin_loop
from tests.processes import fork
from tests.sinks.violations import make_violation

request_id: ContextVar[str] = ContextVar("request_id", default="none")


class Heard:
    """An asynchronous callback that notes where it ran."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self.loops: list[asyncio.AbstractEventLoop] = []
        self.threads: list[int] = []
        self.contexts: list[tuple[bool, str]] = []

    async def __call__(self, violation: Violation) -> None:
        await asyncio.sleep(0)
        self.violations.append(violation)
        self.loops.append(asyncio.get_running_loop())
        self.threads.append(threading.get_ident())
        self.contexts.append((is_delivering.get(), request_id.get()))


@contextmanager
def running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Run an event loop in another thread, as that of an application."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.call_soon(loop.stop)  # where it had been stopped already, that is still to be done
        loop.run_forever()
        if tasks := asyncio.all_tasks(loop):
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.wait(tasks))
        loop.close()


def emit_from(loop: asyncio.AbstractEventLoop | None, sink: CallbackSink) -> None:
    """Deliver as the background does: in the context of a call that ran in `loop`."""
    context = copy_context()
    context.run(origin_loop.set, loop)
    context.run(request_id.set, "r-17")
    context.run(sink.emit, make_violation())


async def hang(_: Violation) -> None:
    await asyncio.Event().wait()


async def fail(_: Violation) -> None:
    raise LookupError("no pager")


async def until(is_so: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - what is waited for knows of no event
            await asyncio.sleep(0)


# -- coroutine functions, from a worker thread


def test_a_coroutine_runs_in_the_loop_and_the_context_of_the_call() -> None:
    heard = Heard()
    with running_loop() as loop:
        emit_from(loop, CallbackSink(heard))
    assert heard.violations == [make_violation()]
    assert heard.loops == [loop]
    assert heard.contexts == [(True, "r-17")]
    assert not is_delivering.get()


def test_without_a_loop_a_coroutine_runs_in_this_thread() -> None:
    heard = Heard()
    emit_from(None, CallbackSink(heard))
    assert heard.violations == [make_violation()]
    assert heard.threads == [threading.get_ident()]
    assert heard.contexts == [(True, "r-17")]


class _SeemsToRun(asyncio.SelectorEventLoop):
    """A loop that stops right after somebody has asked whether it runs."""

    pretends = False

    def is_running(self) -> bool:
        pretends, self.pretends = self.pretends, False
        return pretends or super().is_running()


@pytest.mark.parametrize("seems_to_run", [False, True])
def test_a_loop_that_is_closed_is_not_used(seems_to_run: bool) -> None:  # noqa: FBT001 - a pytest parameter
    heard = Heard()
    loop = _SeemsToRun()
    loop.close()
    loop.pretends = seems_to_run
    emit_from(loop, CallbackSink(heard))
    assert heard.violations == [make_violation()]


def test_anything_that_can_be_awaited_is() -> None:
    class Request:
        is_done = False

        def __await__(self) -> Generator[Any, None, None]:
            yield from asyncio.sleep(0).__await__()
            self.is_done = True

    request = Request()
    emit_from(None, CallbackSink(lambda _: request))
    assert request.is_done


@pytest.fixture(params=["the call's loop", "no loop"])
def emit(request: pytest.FixtureRequest) -> Iterator[Callable[[CallbackSink], None]]:
    """Deliver from a worker thread."""
    if request.param == "no loop":
        yield partial(emit_from, None)
        return
    with running_loop() as loop:
        yield partial(emit_from, loop)


Emit = Callable[[CallbackSink], None]


async def be_cancelled(_: Violation) -> None:
    raise asyncio.CancelledError


FAILURES = pytest.mark.parametrize(
    ("function", "timeout", "failure"),
    [
        (fail, 10.0, LookupError("no pager")),
        (
            hang,
            0.01,
            DeliveryError(f"callback {__name__}.hang did not end within 0.01 s", reason="timeout"),
        ),
        (
            be_cancelled,
            10.0,
            DeliveryError(f"callback {__name__}.be_cancelled was cancelled", reason="cancelled"),
        ),
    ],
    ids=["raises", "hangs", "is cancelled"],
)


def facts_of(error: BaseException) -> tuple[object, ...]:
    return type(error), str(error), getattr(error, "reason", None)


@FAILURES
def test_a_coroutine_that_fails_is_a_failed_delivery(
    function: Callable[[Violation], Awaitable[Any]], timeout: float, failure: Exception, emit: Emit
) -> None:
    with pytest.raises(type(failure)) as caught:
        emit(CallbackSink(function, timeout=timeout))
    assert facts_of(caught.value) == facts_of(failure)


def test_a_timeout_of_the_coroutines_own_is_no_timeout_of_the_sink(emit: Emit) -> None:
    async def be_slow(_: Violation) -> None:
        raise TimeoutError("the pager is slow")

    with pytest.raises(TimeoutError, match="the pager is slow"):
        emit(CallbackSink(be_slow))


def test_a_loop_that_stops_while_it_is_waited_for_is_a_failed_delivery() -> None:
    with running_loop() as loop:

        async def stop(_: Violation) -> None:
            loop.stop()
            await asyncio.Event().wait()

        with pytest.raises(DeliveryError, match="did not end"):
            emit_from(loop, CallbackSink(stop, timeout=0.01))


class _ClosesAtOnce(_SeemsToRun):
    """A loop that is closed right after it was given something to do."""

    def call_soon_threadsafe(self, *args: Any, **kwargs: Any) -> asyncio.Handle:
        try:
            return super().call_soon_threadsafe(*args, **kwargs)
        finally:
            self.close()


def test_a_loop_that_is_closed_before_it_began_leaves_no_coroutine() -> None:
    """One that is never awaited would be a warning, and so an error here."""
    loop = _ClosesAtOnce()
    loop.pretends = True
    with pytest.raises(DeliveryError, match="did not end"):
        emit_from(loop, CallbackSink(hang, timeout=0.01))


def test_the_loop_that_a_thread_has_set_stays_set() -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        emit_from(None, CallbackSink(Heard()))
        assert asyncio.get_event_loop() is loop
    finally:
        asyncio.set_event_loop(None)
        loop.close()


@pytest.mark.parametrize("has_loop", [True, False])
def test_ctrl_c_reaches_the_application_when_another_thread_gets_the_signal(
    *, has_loop: bool
) -> None:
    """As it may on any machine: the kernel picks the thread."""
    waits = threading.Event()

    async def wait(_: Violation) -> None:
        waits.set()
        await asyncio.Event().wait()

    def interrupt() -> None:
        waits.wait(10)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    sink = CallbackSink(wait, timeout=60)
    began = time.monotonic()
    thread = threading.Thread(target=interrupt)
    thread.start()
    with running_loop() as loop, pytest.raises(KeyboardInterrupt):
        emit_from(loop if has_loop else None, sink)
    thread.join()
    assert time.monotonic() - began < 30  # and not the 60 that it may take


# -- inline, where the loop of this thread is running and cannot be waited for


def test_inline_a_coroutine_becomes_a_task_of_the_loop() -> None:
    heard = Heard()

    async def application() -> None:
        request_id.set("r-17")
        emit_from(asyncio.get_running_loop(), CallbackSink(heard))
        assert heard.violations == []
        assert not is_delivering.get()
        await until(lambda: heard.violations)
        assert heard.loops == [asyncio.get_running_loop()]
        assert heard.contexts == [(True, "r-17")]

    asyncio.run(application())


@FAILURES
def test_inline_a_task_that_fails_is_reported(
    function: Callable[[Violation], Awaitable[Any]], timeout: float, failure: Exception
) -> None:
    reported: list[Any] = []

    async def application() -> None:
        sink = CallbackSink(function, timeout=timeout)
        sink.report = reported.append
        sink.emit(make_violation())
        await until(lambda: reported)

    asyncio.run(application())
    assert [facts_of(each) for each in reported] == [facts_of(failure)]


def test_a_failure_is_logged_once_for_each_type(caplog: pytest.LogCaptureFixture) -> None:
    errors: list[Exception] = [LookupError("a"), LookupError("b"), ValueError("c")]
    begun: list[Exception] = []

    async def fail_each(_: Violation) -> None:
        begun.append(errors[len(begun)])
        raise begun[-1]

    async def application() -> None:
        sink = CallbackSink(fail_each)
        for _ in errors:
            sink.emit(make_violation())
        await until(lambda: len(begun) == len(errors) and not sink._tasks)

    asyncio.run(application())
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [
        errors[0],
        errors[2],
    ]
    assert {(record.name, record.levelno) for record in caplog.records} == {
        ("perfkit", logging.WARNING)
    }


@pytest.mark.parametrize("is_coroutine", [True, False])
def test_too_many_tasks_at_once_are_refused(is_coroutine: bool) -> None:  # noqa: FBT001 - a pytest parameter
    async def application() -> None:
        done = asyncio.Event()
        future = asyncio.get_running_loop().create_future()
        sink = CallbackSink(lambda _: done.wait() if is_coroutine else future)
        for _ in range(MOST_TASKS):
            sink.emit(make_violation())
        with pytest.raises(DeliveryError, match="100 calls") as caught:
            sink.emit(make_violation())
        assert caught.value.reason == "busy"
        done.set()
        future.set_result(None)
        await until(lambda: not sink._tasks)
        sink.emit(make_violation())

    asyncio.run(application())


def test_a_forked_child_forgets_the_tasks_of_its_parent() -> None:
    async def application() -> None:
        sink = CallbackSink(hang, timeout=0.01)
        sink.report = lambda _: None
        sink.emit(make_violation())
        assert fork(lambda: os._exit(len(sink._tasks))) == 0
        await until(lambda: not sink._tasks)

    asyncio.run(application())
