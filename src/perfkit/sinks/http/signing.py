"""Sign messages by the Standard Webhooks specification, so that receivers can trust them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Final

from perfkit.errors import ConfigurationError

_PREFIX: Final = "whsec_"


class Signer:
    """Makes the headers by which a receiver verifies the sender and the content of a message.

    See https://www.standardwebhooks.com. Safe from any thread.

    Args:
        secret: ``whsec_`` and base64 with its padding, or that base64 alone, as the
            specification's libraries read it; bytes are the key itself.
        now: Returns seconds since the Unix epoch.

    Raises:
        ConfigurationError: If it is not valid. The message does not quote it.
    """

    def __init__(self, secret: str | bytes, now: Callable[[], float] = time.time) -> None:
        self._key = _key_of(secret)
        self._now = now

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def sign(self, message_id: str, body: bytes) -> dict[str, str]:
        """Return the headers for `body`.

        Args:
            message_id: The same for each attempt to deliver the same message.
            body: The content of the message.
        """
        timestamp = str(int(self._now()))
        signed = b".".join((message_id.encode(), timestamp.encode(), body))
        digest = hmac.new(self._key, signed, hashlib.sha256).digest()
        return {
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": f"v1,{base64.b64encode(digest).decode('ascii')}",
        }


def _key_of(secret: str | bytes) -> bytes:
    key = secret if isinstance(secret, bytes) else _decode(secret.strip().removeprefix(_PREFIX))
    if not key:
        raise ConfigurationError(
            'secret: not base64; write secret = "${HOOK_SECRET}" and set it to "whsec_" and '
            "24 to 64 bytes as base64"
        )
    return key


def _decode(text: str) -> bytes:
    """Decode base64; return empty bytes if it is not valid, as receivers would refuse it."""
    try:
        # Without `validate`, other characters are dropped, and the key differs from the receiver's.
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""
