"""Drive coroutines and generators step by step, and forward values and exceptions both ways."""

from __future__ import annotations

import types
from collections.abc import AsyncGenerator, Callable, Generator
from typing import TYPE_CHECKING, Any

from perfkit.runtime.callsite import Callsite

if TYPE_CHECKING:
    from perfkit.runtime.call import Call
    from perfkit.runtime.plan import Plan


@types.coroutine
def in_steps(awaited: Any, call: Call) -> Generator[Any, Any, Any]:
    """Drive an awaitable step by step, with the probes running only during its own steps."""
    step: Callable[[Any], Any] = awaited.send
    value: Any = None
    while True:
        call.resume()
        try:
            yielded = step(value)
        except StopIteration as stop:
            return stop.value
        finally:
            call.suspend()
        try:
            value = yield yielded
            step = awaited.send
        # Cancellation and close are thrown into the awaitable, as without the driver.
        except BaseException as error:  # noqa: BLE001 - cancellation and close are forwarded
            value = error
            step = awaited.throw


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
    """Return `awaited`, or a driver of its steps if the call has probes."""
    return in_steps(awaited, call) if call.sessions else awaited
