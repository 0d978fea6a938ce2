"""HTTP clients for tests, and their failures."""

from __future__ import annotations

from typing import Any, Final

import pytest

from perfkit.errors import DeliveryError
from perfkit.sinks.http.client import HttpClient
from tests.receivers.webhook import WebhookReceiver

SHORT: Final = 0.3
"""Seconds: a timeout that is to be reached."""
TOKEN: Final = "xoxb-4711-token"  # noqa: S105 - made up


def client_for(receiver: WebhookReceiver, **options: Any) -> HttpClient:
    """Return a client that posts to `receiver`."""
    return HttpClient(receiver.url, **{"timeout": 20.0, **options})


def failure_of(client: HttpClient, body: bytes = b"{}") -> DeliveryError:
    """Post, and return the failure."""
    with pytest.raises(DeliveryError) as caught:
        client.post(body)
    return caught.value
