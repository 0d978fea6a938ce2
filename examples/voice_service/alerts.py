"""Send violations to a Prometheus Alertmanager, and query its alerts."""

from __future__ import annotations

import json
import time
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

from perfkit.sinks import AlertmanagerSink, Deduplicated, Layer

RESOLVE_AFTER_SECONDS: Final = 2.0
"""An alert is resolved after this time without a violation. In production use minutes."""

_SERVICE: Final = "voice-service"
_MAX_WAIT_SECONDS: Final = 15.0
_POLL_SECONDS: Final = 0.1


def alert_sink(url: str) -> Layer:
    """Return a sink that fires an alert at the first violation and resolves it after the last.

    Args:
        url: The URL of the Alertmanager.
    """
    sink = AlertmanagerSink(url, labels={"service": _SERVICE})
    return Deduplicated(sink, resolve_after=RESOLVE_AFTER_SECONDS)


def firing_alerts(url: str) -> list[str]:
    """Return the summary of each firing alert of the service.

    Raises:
        OSError: If the Alertmanager cannot be reached.
    """
    matcher = quote(f'service="{_SERVICE}"')
    with urlopen(f"{url.rstrip('/')}/api/v2/alerts?filter={matcher}", timeout=10) as response:  # noqa: S310 - the address that the caller chose
        alerts: list[dict[str, Any]] = json.load(response)
    return [alert["annotations"]["summary"] for alert in alerts]


def wait_until_resolved(url: str) -> list[str]:
    """Wait until no alert of the service is firing; return those that are firing at the timeout."""
    deadline = time.monotonic() + _MAX_WAIT_SECONDS
    while (firing := firing_alerts(url)) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return firing


def format_alerts(url: str, before: list[str], after: list[str]) -> str:
    """Return a readable summary of the alerts.

    Args:
        url: The URL of the Alertmanager.
        before: The alerts that fired during the slow-down.
        after: The alerts that were still firing after it.
    """
    lines = [f"Alertmanager at {url}:"]
    lines += [f"  fired: {summary}" for summary in before] or ["  no alert fired"]
    if before:
        lines.append(f"  without the slow-down: {', '.join(after) or 'all alerts are resolved'}")
    return "\n".join(lines)


REQUEST_ERRORS = (URLError, OSError, ValueError, KeyError)
"""The exceptions of a query where no Alertmanager responds."""
