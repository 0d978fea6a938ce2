"""Show violations in a Prometheus Alertmanager while they last, and ask it what it shows."""

from __future__ import annotations

import json
import time
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

from perfkit.sinks import AlertmanagerSink, Deduplicated, Layer

QUIET_SECONDS: Final = 2.0
"""So long without a violation, and a budget is kept again. In production it would be minutes."""

_SERVICE: Final = "voice-service"
_LONGEST_WAIT_SECONDS: Final = 15.0
_POLL_SECONDS: Final = 0.1


def alert_sink(url: str) -> Layer:
    """Return a sink that lets an alert begin with the first violation and end when it is over.

    Args:
        url: Of the Alertmanager, which may be on this machine.
    """
    sink = AlertmanagerSink(url, labels={"service": _SERVICE})
    return Deduplicated(sink, quiet=QUIET_SECONDS)


def firing(url: str) -> list[str]:
    """Return what Alertmanager says of each alert of the service that fires now.

    Raises:
        OSError: If it cannot be asked.
    """
    wanted = quote(f'service="{_SERVICE}"')
    with urlopen(f"{url.rstrip('/')}/api/v2/alerts?filter={wanted}", timeout=10) as answer:  # noqa: S310 - the address that the caller chose
        alerts: list[dict[str, Any]] = json.load(answer)
    return [alert["annotations"]["summary"] for alert in alerts]


def wait_until_over(url: str) -> list[str]:
    """Wait until no alert of the service fires any more; return those that still do."""
    deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
    while (left := firing(url)) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return left


def told(url: str, before: list[str], after: list[str]) -> str:
    """Return what Alertmanager showed, for people.

    Args:
        url: Where it is.
        before: What fired while operations were slow.
        after: What fired after they were mended.
    """
    lines = [f"Alertmanager at {url}:"]
    lines += [f"  fired: {each}" for each in before] or ["  nothing fired"]
    if before:
        lines.append(f"  after that was mended: {', '.join(after) or 'all of it has recovered'}")
    return "\n".join(lines)


Unreachable = (URLError, OSError, ValueError, KeyError)
"""What may be raised where there is no Alertmanager."""
