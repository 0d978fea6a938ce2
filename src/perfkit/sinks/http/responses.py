"""What an answer means, or that none came: delivered, try again, or never."""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Collection
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from perfkit.errors import DeliveryError
from perfkit.sinks.http.connection import MOST_IN_ALL, Answer, AnswerTooLong

_MOST_QUOTED: Final = 200
_LONGEST_WAIT: Final = 3600.0
_TOO_LARGE: Final = 413
_TRY_AGAIN: Final = frozenset({408, 425, 429})
"""The codes of 4xx that blame the moment, not the content."""
_TELL_WHEN: Final = frozenset({429, 503})
_ADVICE: Final = {
    401: "; check the credentials in headers",
    403: "; check the credentials in headers",
    404: "; check the path of the url",
    405: "; check the path of the url, which takes no POST",
}


def failure_of(answer: Answer, destination: str, secrets: Collection[str]) -> DeliveryError | None:
    """Return what an answer says went wrong; None where it says that all went well.

    Args:
        answer: What came back.
        destination: What may be said of where it came from.
        secrets: What is not to be quoted, should the answer hold it.
    """
    status = answer.status
    if status // 100 == 2:  # noqa: PLR2004 - HTTP's first digit for success
        return None
    if status // 100 == 3:  # noqa: PLR2004 - HTTP's first digit for elsewhere
        advice = ", which points elsewhere; redirects are not followed, write the final address"
    else:
        advice = _quote(answer.body, secrets) + _ADVICE.get(status, "")
    return DeliveryError(
        f"{destination} answered {status}{advice}",
        is_permanent=status // 100 in {3, 4} and status not in _TRY_AGAIN,
        retry_after=seconds_until(answer.retry_after) if status in _TELL_WHEN else None,
        is_too_large=status == _TOO_LARGE,
        reason="refused",
    )


def seconds_until(retry_after: str) -> float | None:
    """Return the seconds that a Retry-After header means, from 0 to an hour; None for nothing.

    >>> seconds_until("120"), seconds_until("soon")
    (120.0, None)
    """
    text = retry_after.strip()
    if re.fullmatch(r"[0-9]{1,20}", text):
        return min(float(text), _LONGEST_WAIT)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):  # the last of years and zones without end
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return min(max(0.0, (when - datetime.now(UTC)).total_seconds()), _LONGEST_WAIT)


def _quote(body: bytes, secrets: Collection[str]) -> str:
    """Return the beginning of a body as part of a line for people, without what is secret."""
    text = body.decode("utf-8", errors="replace")
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    text = text.strip()[:_MOST_QUOTED]
    if not text.isprintable():
        text = text.encode("unicode_escape").decode("ascii")[:_MOST_QUOTED]
    return f' and said "{text}"' if text else ""


def failure_without(error: Exception, destination: str, seconds: float) -> DeliveryError:
    """Return what it means that no answer came.

    Args:
        error: What was raised instead.
        destination: What may be said of where it should have come from.
        seconds: How long there was to wait for it.
    """
    if isinstance(error, TimeoutError):
        return DeliveryError(f"{destination} did not answer within {seconds:g} s", reason="timeout")
    if isinstance(error, ssl.SSLCertVerificationError):
        # Not permanent: a certificate that has run out is renewed, and then all is well.
        return DeliveryError(
            f"the certificate of {destination} is not trusted ({error.verify_message}); renew it, "
            "or write ca_file with the certificate of whoever signed it"
        )
    if isinstance(error, ssl.SSLError):
        return DeliveryError(f"{destination} and perfkit found no common TLS ({error.reason})")
    if isinstance(error, AnswerTooLong):
        return DeliveryError(
            f"{destination} answered with more than {MOST_IN_ALL // 1024} KiB of headers"
        )
    if isinstance(error, http.client.HTTPException) and not isinstance(error, OSError):
        return DeliveryError(f"{destination} answered with something that is no HTTP")
    return DeliveryError(f"{destination} broke off ({_cause(error)})")


def failure_to_connect(error: OSError, destination: str) -> DeliveryError:
    """Return what it means that there was no connection."""
    return DeliveryError(f"{destination} cannot be reached ({_cause(error)})", reason="unreachable")


def _cause(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or type(error).__name__)
