"""What waits in the queue of a `Background`."""

from __future__ import annotations

import contextvars
import sys

from attrs import frozen

from perfkit.model import Sink, Violation
from perfkit.sinks.delivery.recursion import origin_loop


@frozen
class QueueItem:
    """A violation that waits.

    Args:
        violation: The violation.
        context: The context variables of the measured call.
        depth: How deep in deliveries it is delivered; see `perfkit.sinks.delivery.recursion`.
        sink: Where it goes.
    """

    violation: Violation
    context: contextvars.Context
    depth: int
    sink: Sink


def context_of_call() -> contextvars.Context:
    """Return the context of the measured call, which knows its event loop too."""
    context = contextvars.copy_context()
    running_loop = getattr(sys.modules.get("asyncio"), "_get_running_loop", None)
    if running_loop is not None and (loop := running_loop()) is not None:
        context.run(origin_loop.set, loop)
    return context
