"""Start the thread of a queue in such a way that no call waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable


class _NotAwaited(threading.Event):
    """Replaces the event by which `threading.Thread.start` waits for the new thread."""

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002 - as the base class has it
        return True


def start_thread(target: Callable[[], object], name: str) -> threading.Thread | None:
    """Start a daemon thread without waiting until it runs; return None if the system refuses."""
    thread = threading.Thread(target=target, name=name, daemon=True)
    # `Thread.start` returns when the new thread has run, and so has had the interpreter: with the
    # 22 sinks of the benchmark a call would wait for 22 switches, of up to 5 ms on a busy machine.
    thread._started = _NotAwaited()  # type: ignore[attr-defined]  # noqa: SLF001 - there is no public way
    try:
        thread.start()
    except RuntimeError:
        return None
    return thread
