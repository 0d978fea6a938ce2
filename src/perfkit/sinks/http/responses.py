"""Turn responses and errors of HTTP into failures: temporary or permanent, and when to retry."""

from __future__ import annotations

import http.client
import re
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from urllib3 import exceptions

from perfkit.errors import DeliveryError
from perfkit.text import printable

_MAX_QUOTED: Final = 200
_MAX_WAIT: Final = 3600.0
_TOO_LARGE: Final = 413
_TEMPORARY: Final = frozenset({408, 425, 429})
"""The statuses of 4xx after which the same content may succeed."""
_WITH_RETRY_AFTER: Final = frozenset({429, 503})
_ADVICE: Final = {
    401: "; check the credentials in headers",
    403: "; check the credentials in headers",
    404: "; check the path of the url",
    405: "; check the path of the url, which does not accept POST",
}


def failure_of_response(
    status: int, text: str, retry_after: str, destination: str
) -> DeliveryError:
    """Return the failure for a response without success; `text` begins its body, redacted."""
    if status // 100 == 3:  # noqa: PLR2004 - HTTP's first digit for redirects
        advice = ", which points elsewhere; redirects are not followed, write the final address"
    else:
        # Cut before as well: escaping multiplies the length by up to 10.
        quoted = printable(text.strip()[:_MAX_QUOTED])[:_MAX_QUOTED]
        advice = (f': "{quoted}"' if quoted else "") + _ADVICE.get(status, "")
    return DeliveryError(
        f"{destination} responded with {status}{advice}",
        is_permanent=status // 100 in {3, 4} and status not in _TEMPORARY,
        retry_after=seconds_until(retry_after) if status in _WITH_RETRY_AFTER else None,
        is_too_large=status == _TOO_LARGE,
        reason="refused",
    )


def seconds_until(retry_after: str) -> float | None:
    """Return the seconds of a ``Retry-After`` header, from 0 to 3600; None if it is not valid.

    >>> seconds_until("120"), seconds_until("soon")
    (120.0, None)
    """
    text = retry_after.strip()
    if re.fullmatch(r"[0-9]{1,20}", text):
        return min(float(text), _MAX_WAIT)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):  # also a year or a zone that is out of range
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return min(max(0.0, (when - datetime.now(UTC)).total_seconds()), _MAX_WAIT)


def failure_of_error(error: Exception, destination: str, seconds: float) -> DeliveryError:
    """Return the failure for urllib3's error of a request that had so many `seconds`."""
    through = ""
    if isinstance(error, exceptions.ProxyError):
        error, through = error.original_error, " through its proxy"
    cause = _cause_of(error)
    # NewConnectionError first: it is a ConnectTimeoutError as well.
    if isinstance(error, exceptions.NewConnectionError):
        return DeliveryError(
            f"{destination} cannot be reached{through} ({_text_of(cause)})", reason="unreachable"
        )
    # The second for a timeout while the body is sent, which urllib3 wraps in a ProtocolError.
    if isinstance(error, exceptions.TimeoutError) or isinstance(cause, TimeoutError):
        return DeliveryError(
            f"{destination} did not respond{through} within {seconds:g} s", reason="timeout"
        )
    if isinstance(cause, ssl.SSLCertVerificationError):
        # Not permanent: an expired certificate will be renewed.
        return DeliveryError(
            f"the certificate of {destination} is not trusted ({cause.verify_message}); renew it, "
            "or write ca_file with the certificate of whoever signed it"
        )
    if isinstance(cause, ssl.SSLError):
        return DeliveryError(f"{destination} and perfkit found no common TLS ({cause.reason})")
    if isinstance(cause, http.client.HTTPException) and not isinstance(cause, OSError):
        return DeliveryError(f"{destination} responded with something that is not HTTP")
    return DeliveryError(f"{destination} broke the connection off{through} ({_text_of(cause)})")


def _cause_of(error: BaseException) -> BaseException:
    """Return the innermost exception: urllib3 wraps those of the standard library."""
    inside = (error.__cause__, *reversed(error.args))
    found = next((each for each in inside if isinstance(each, BaseException)), None)
    return error if found is None else _cause_of(found)


def _text_of(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or type(error).__name__)
