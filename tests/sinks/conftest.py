"""Fixtures for the tests of sinks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.receivers.webhook import WebhookReceiver
from tests.sinks.alertmanagers import Clock


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    """Take whatever is posted, and answer as it is told to."""
    with WebhookReceiver() as server:
        yield server


@pytest.fixture
def times() -> Clock:
    """The clocks of a sink for Alertmanager."""
    return Clock()
