"""What a signal handler raises goes to the application; what a sink raises does not."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from http import HTTPStatus
from typing import Any

import pytest

import perfkit
from perfkit import Violation
from perfkit.sinks import CircuitBroken, FanOut, Retried
from perfkit.sinks.delivery.layer import DeliveryEntry
from perfkit.testing import sample_violations
from tests.faults.conftest import Accounts
from tests.faults.sinks import LONGEST

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs signals")


class TimeIsUpError(Exception):
    """Of the application: raised by its own handler."""


def stop(*_: object) -> None:
    raise TimeIsUpError


def leave(*_: object) -> None:
    raise SystemExit(0)


class Stopping:
    """A handler that is no function."""

    def __call__(self, number: int, frame: object) -> None:
        raise TimeIsUpError

    def method(self, number: int, frame: object) -> None:
        raise TimeIsUpError


HANDLERS: dict[str, tuple[Callable[..., Any], type[BaseException]]] = {
    "function": (stop, TimeIsUpError),
    "exit": (leave, SystemExit),
    "partial": (partial(stop, 1), TimeIsUpError),
    "object": (Stopping(), TimeIsUpError),
    "method": (Stopping().method, TimeIsUpError),
}


@pytest.fixture(params=HANDLERS)
def error(request: pytest.FixtureRequest) -> Iterator[type[BaseException]]:
    """Set a handler of SIGALRM; return what it raises."""
    handler, error = HANDLERS[request.param]
    before = signal.signal(signal.SIGALRM, handler)
    yield error
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


class Slow:
    """Takes so long that the alarm comes meanwhile."""

    def emit(self, _: Violation) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        time.sleep(LONGEST)


def alone(sink: Any) -> Any:
    return sink


def in_layers(sink: Any) -> Any:
    return CircuitBroken(Retried(FanOut([sink])))


@pytest.mark.parametrize("wrapped", [alone, in_layers])
def test_what_a_handler_raises_reaches_the_application(
    error: type[BaseException], wrapped: Callable[[Any], Any], accounts: Accounts
) -> None:
    perfkit.configure(perfkit.Catalog(), sinks=[wrapped(Slow())], delivery="inline")
    with pytest.raises(error), perfkit.budget("slow", duration="0s"):
        pass
    (totals,) = accounts().values()
    assert (totals.raised, totals.dropped_by, totals.waiting) == (1, {"interrupted": 1}, 0)


class Raising:
    """Raises the same by itself."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def emit(self, _: Violation) -> None:
        raise self.error


def test_what_a_sink_raises_does_not_though_a_handler_could(
    error: type[BaseException], accounts: Accounts
) -> None:
    perfkit.configure(perfkit.Catalog(), sinks=[Raising(error)], delivery="inline")
    with perfkit.budget("slow", duration="0s"):
        pass
    assert accounts()["Raising"].dropped_by == {"failed": 1}


def test_an_error_of_an_enumeration_is_not_that_of_a_handler(accounts: Accounts) -> None:
    """`signal.getsignal` returns a member of an enumeration for most signals."""

    def look_up(_: Violation) -> None:
        HTTPStatus(999)

    perfkit.configure(perfkit.Catalog(), sinks=[look_up], delivery="inline")
    with perfkit.budget("slow", duration="0s"):
        pass
    (totals,) = accounts().values()
    assert totals.dropped_by == {"failed": 1}


def test_what_was_queued_before_an_interrupt_is_not_counted_twice() -> None:
    """The handler raises right after the violation was put into the queue."""
    violation, *_ = sample_violations().values()

    class Queueing(perfkit.sinks.DeliveryQueue):
        def queue(self, *arguments: Any) -> None:
            super().queue(*arguments)
            raise KeyboardInterrupt

    heard: list[Violation] = []
    queueing = Queueing(perfkit.sinks.CallbackSink(heard.append))
    entrance = DeliveryEntry(queueing, stats=queueing.stats)
    with pytest.raises(KeyboardInterrupt):
        entrance.emit(violation)
    assert queueing.close(LONGEST)
    assert len(heard) == 1
    totals = entrance.stats.totals()
    assert (totals.raised, totals.dropped) == (1, 0)
