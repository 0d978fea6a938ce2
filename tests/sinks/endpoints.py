"""Endpoints to try, and what they fail with."""

from __future__ import annotations

from typing import Any, Final

import pytest

from perfkit.errors import DeliveryError
from perfkit.sinks.http.endpoint import Endpoint
from tests.receivers.webhook import WebhookReceiver

SHORT: Final = 0.3
"""Seconds: a timeout that is to be reached."""
TOKEN: Final = "xoxb-4711-token"  # noqa: S105 - made up


def endpoint_for(receiver: WebhookReceiver, **options: Any) -> Endpoint:
    """Return an endpoint that posts to `receiver`."""
    return Endpoint(receiver.url, **{"loopback": True, "timeout": 20.0, **options})


def failure_of(endpoint: Endpoint, body: bytes = b"{}") -> DeliveryError:
    """Post, and return what that fails with."""
    with pytest.raises(DeliveryError) as caught:
        endpoint.post(body)
    return caught.value
