"""Fixtures for the tests of sinks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from perfkit.sinks import DeliveryQueue
from tests.receivers.webhook import WebhookReceiver
from tests.sinks.alertmanagers import Clock
from tests.sinks.chains import LONGEST, Gate


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    """Take whatever is posted, and answer as it is told to."""
    with WebhookReceiver() as server:
        yield server


@pytest.fixture
def times() -> Clock:
    """The clocks of a sink for Alertmanager."""
    return Clock()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.is_open.set()


@pytest.fixture
def closing() -> Iterator[Callable[[DeliveryQueue], DeliveryQueue]]:
    """Close each queue that is passed to it, at the end of the test."""
    made: list[DeliveryQueue] = []

    def close_later(queue: DeliveryQueue) -> DeliveryQueue:
        made.append(queue)
        return queue

    yield close_later
    for queue in made:
        assert queue.close(LONGEST)
