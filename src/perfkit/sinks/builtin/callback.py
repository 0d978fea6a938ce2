"""Hand violations to a function, which may be a coroutine function."""

from __future__ import annotations

import inspect
import logging
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from perfkit.errors import ConfigurationError, DeliveryError
from perfkit.forks import register_after_fork
from perfkit.model import Violation
from perfkit.sinks.arguments import checked_seconds
from perfkit.sinks.delivery.recursion import is_delivering, origin_loop
from perfkit.text import printable

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

MOST_TASKS: Final = 100
"""How many coroutines of one callback may be on their way at once in a loop that cannot wait."""

_SIGNAL_POLL_SECONDS: Final = 0.05
"""How long the main thread waits at most before it runs the handlers of signals that arrived.

The kernel may deliver a signal, such as that of Ctrl-C, to any thread. Then nothing interrupts the
main thread, which alone runs handlers, and the application's wakeup descriptor is not ours to set.
"""

_NO_YIELD: Final = "leave the yield out, or call what has it in a for loop"


class CallbackSink:
    """Calls a function with each violation, and runs a returned awaitable to its end.

    The function is called in the thread that delivers. An awaitable that it returns runs in an
    event loop of asyncio, the only library for it that is supported:

    - A thread without a running loop has it run in the loop of the measured call (`origin_loop`),
      or, where that runs no more or there was none, in a loop of its own, and waits for it.
    - A thread whose own loop is running cannot wait. There it becomes a task, whose exceptions are
      passed to `report`.

    Safe from any thread if the function is.

    Args:
        function: Takes one `Violation`; a result that is not an awaitable is ignored.
        timeout: Seconds above 0 after which a coroutine is cancelled. One that suppresses that, and
            a plain function, may take longer.

    Attributes:
        function: The function.
        report: Receives the exception of a task; by default the first of each type is logged.

    Raises:
        ConfigurationError: If the function cannot be called, or has a ``yield``, so that its body
            would never run; or if `timeout` is not a number of seconds above 0.
    """

    def __init__(self, function: Callable[[Violation], object], *, timeout: float = 10.0) -> None:
        self.function = _checked(function)
        self.report: Callable[[BaseException], object] = self._log_once
        self._timeout = checked_seconds("timeout", timeout)
        self._logged: set[type[BaseException]] = set()
        self.after_fork_in_child()
        register_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Forget the tasks: they do not live on in the child of a fork."""
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def destination(self) -> str:
        """Where violations go, for people."""
        return f"callback {printable(_name_of(self.function))}"

    def emit(self, violation: Violation) -> None:
        """Call the function; its exceptions propagate.

        Raises:
            DeliveryError: If its coroutine was too slow, or was cancelled, or too many like it have
                not ended; or if it returned a generator, of which nothing has run yet.
        """
        result = self.function(violation)
        if isinstance(result, Awaitable):
            context = copy_context()
            context.run(self._run, _as_coroutine(result))
        elif isinstance(result, Generator | AsyncGenerator):
            raise DeliveryError(
                f"{self.destination} returned a generator, which nothing runs; {_NO_YIELD}",
                is_permanent=True,
            )

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Run `coroutine` in the right loop. Its task takes over the present context."""
        import asyncio  # noqa: PLC0415 - loads when first needed

        is_delivering.set(True)
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            origin = origin_loop.get()
        else:
            self._start(coroutine, running)
            return
        if origin is None or not origin.is_running() or not self._wait(coroutine, origin):
            self._run_alone(coroutine)

    def _start(self, coroutine: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop) -> None:
        """Make it a task of this thread's loop, which is not to wait for it."""
        if len(self._tasks) >= MOST_TASKS:
            coroutine.close()
            raise DeliveryError(
                f"{self.destination}: {MOST_TASKS} calls of it have not ended yet", reason="busy"
            )
        task = loop.create_task(coroutine)
        self._tasks.add(task)
        timer = loop.call_later(self._timeout, task.cancel)
        task.add_done_callback(partial(self._end, timer))

    def _end(self, timer: asyncio.TimerHandle, task: asyncio.Task[Any]) -> None:
        timer.cancel()
        self._tasks.discard(task)
        if task.cancelled():
            is_late = task.get_loop().time() >= timer.when()
            self.report(self._too_slow() if is_late else self._cancelled())
        elif (error := task.exception()) is not None:
            self.report(error)

    def _wait(self, coroutine: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop) -> bool:
        """Run it in `loop`, that of another thread; tell whether that was still possible."""
        import asyncio  # noqa: PLC0415 - loads when first needed
        from concurrent.futures import CancelledError  # noqa: PLC0415 - likewise

        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        except RuntimeError:  # it was closed just now
            return False
        if not _is_done_within(future, self._timeout):
            future.cancel()
            if loop.is_closed():  # and so has not begun it, nor will
                coroutine.close()
            raise self._too_slow()
        try:
            future.result()
        except CancelledError:
            raise self._cancelled() from None
        return True

    def _run_alone(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        import asyncio  # noqa: PLC0415 - loads when first needed

        async def run() -> None:
            if threading.current_thread() is threading.main_thread():
                _wake_regularly(asyncio.get_running_loop())
            try:
                async with asyncio.timeout(self._timeout) as limit:
                    await coroutine
            except TimeoutError:
                if limit.expired():
                    raise self._too_slow() from None
                raise
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():  # so does the runner upon Ctrl-C
                    raise
                raise self._cancelled() from None

        # With a factory the runner leaves alone which loop the thread has set for itself.
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(run())

    def _too_slow(self) -> DeliveryError:
        return DeliveryError(
            f"{self.destination} did not end within {self._timeout:g} s", reason="timeout"
        )

    def _cancelled(self) -> DeliveryError:
        return DeliveryError(f"{self.destination} was cancelled", reason="cancelled")

    def _log_once(self, error: BaseException) -> None:
        if type(error) in self._logged:
            return
        self._logged.add(type(error))
        logging.getLogger("perfkit").warning(
            "%s failed; further failures of this type are not logged",
            self.destination,
            exc_info=error,
        )


def _checked(function: Callable[[Violation], object]) -> Callable[[Violation], object]:
    if not callable(function):
        raise ConfigurationError(
            f"a callback of type {type(function).__name__} cannot be called; write a function that "
            "takes a violation"
        )
    for each in (function, getattr(type(function), "__call__", None)):  # noqa: B004 - its class's
        if inspect.isasyncgenfunction(each) or inspect.isgeneratorfunction(each):
            raise ConfigurationError(
                f"{printable(_name_of(function))} has a yield, so that its body would never run "
                f"as a callback; {_NO_YIELD}"
            )
    return function


def _wake_regularly(loop: asyncio.AbstractEventLoop) -> None:
    """Keep `loop` from waiting longer than `_SIGNAL_POLL_SECONDS` at once."""
    loop.call_later(_SIGNAL_POLL_SECONDS, _wake_regularly, loop)


def _is_done_within(future: Future[Any], timeout: float) -> bool:
    """Wait for `future`; return whether it is done after `timeout` seconds at the latest."""
    from concurrent.futures import wait  # noqa: PLC0415 - loads when first needed

    deadline = time.monotonic() + timeout
    while not future.done() and (left := deadline - time.monotonic()) > 0:
        wait((future,), min(left, _SIGNAL_POLL_SECONDS))
    return future.done()


def _as_coroutine(awaitable: Awaitable[Any]) -> Coroutine[Any, Any, Any]:
    return awaitable if isinstance(awaitable, Coroutine) else _await(awaitable)


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _name_of(function: Callable[..., object]) -> str:
    while isinstance(function, partial):
        function = function.func
    named: Any = function if hasattr(function, "__qualname__") else type(function)
    return f"{getattr(named, '__module__', None) or 'builtins'}.{named.__qualname__}"
