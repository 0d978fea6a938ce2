"""Drive coroutines and generators step by step, and forward values and exceptions both ways."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from typing import TYPE_CHECKING, Any

from perfkit.runtime.callsite import Callsite

if TYPE_CHECKING:
    from perfkit.runtime.call import Call
    from perfkit.runtime.plan import Plan


class StepwiseAwaitable:
    """Drives an awaitable step by step, with the probes running only while it runs itself.

    It has the attributes by which asyncio's call graph and debuggers follow a coroutine, so that
    they reach the measured one. A generator in its place would end their walk.
    """

    __slots__ = ("_awaited", "_call")

    def __init__(self, awaited: Any, call: Call) -> None:
        self._awaited = awaited
        self._call = call

    def __await__(self) -> StepwiseAwaitable:
        return self

    def __next__(self) -> Any:
        return self._step(self._awaited.send, None)

    def send(self, value: Any) -> Any:
        """Pass `value` to the awaitable; return the yielded object."""
        return self._step(self._awaited.send, value)

    def throw(self, *error: Any) -> Any:
        """Raise an exception in the awaitable; return the yielded object."""
        return self._step(self._awaited.throw, *error)

    def close(self) -> None:
        """Close the awaitable."""
        self._step(self._awaited.close)

    def _step(self, step: Callable[..., Any], *args: Any) -> Any:
        self._call.resume()
        try:
            return step(*args)
        finally:
            self._call.suspend()

    @property
    def cr_await(self) -> Any:
        """The object that the awaited coroutine waits for.

        Raises:
            AttributeError: If something other than a coroutine is awaited.
        """
        return self._awaited.cr_await

    @property
    def cr_frame(self) -> Any:
        """The frame of the awaited coroutine; raises as `cr_await` does."""
        return self._awaited.cr_frame


def drive(
    generator: Generator[Any, Any, Any], site: Callsite, plan: Plan
) -> Generator[Any, Any, Any]:
    """Forward every value, exception and close to `generator`, and measure each step."""
    call = site.begin_items(plan)
    step: Callable[[Any], Any] = generator.send
    value: Any = None
    try:
        while True:
            call.wake()
            try:
                item = step(value)
            except StopIteration as stop:
                result = stop.value
                break
            finally:
                call.rest()
            try:
                value = yield item
                step = generator.send
            except GeneratorExit:
                # May be a finalizer: see `Call._enter`, which then sets no context variable.
                call.is_closing = True
                call.wake()
                try:
                    generator.close()
                finally:
                    call.rest()
                raise
            except BaseException as error:  # noqa: BLE001 - what is thrown in goes to the generator
                value = error
                step = generator.throw
    except BaseException as error:
        call.end(error)
        raise
    call.end(None)
    return result


async def drive_async(
    generator: AsyncGenerator[Any, Any], site: Callsite, plan: Plan
) -> AsyncGenerator[Any, Any]:
    """Drive an async generator like `drive`; its duration includes the time that it awaits."""
    call = site.begin_items(plan, in_steps=True)
    step: Callable[[Any], Any] = generator.asend
    value: Any = None
    try:
        while True:
            call.wake()
            try:
                item = await in_steps_if_probed(step(value), call)
            except StopAsyncIteration:
                break
            finally:
                call.rest()
            try:
                value = yield item
                step = generator.asend
            except GeneratorExit:
                # May be a finalizer, as in `drive`.
                call.is_closing = True
                call.wake()
                try:
                    await in_steps_if_probed(generator.aclose(), call)
                finally:
                    call.rest()
                raise
            except BaseException as error:  # noqa: BLE001 - what is thrown in goes to the generator
                value = error
                step = generator.athrow
    except BaseException as error:
        call.end(error)
        raise
    call.end(None)


def in_steps_if_probed(awaited: Any, call: Call) -> Any:
    """Return `awaited`, or a driver that measures each step where the call has probes."""
    return StepwiseAwaitable(awaited, call) if call.sessions else awaited
