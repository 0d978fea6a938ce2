"""Fixtures for the tests of sinks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.receivers.webhook import WebhookReceiver


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    """Take whatever is posted, and answer as it is told to."""
    with WebhookReceiver() as server:
        yield server
