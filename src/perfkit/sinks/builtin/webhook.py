"""Post violations to a URL, as JSON of any shape."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from perfkit.errors import ConfigurationError
from perfkit.model import Violation
from perfkit.model.record import as_finite
from perfkit.model.violation import as_record
from perfkit.sinks.redaction import values_in
from perfkit.sinks.template import Template


class WebhookSink:
    """Posts violations as JSON.

    With a secret each POST is signed by the specification https://www.standardwebhooks.com:
    headers ``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``. The id is the same for
    each attempt to send the same violations, so that a receiver can recognise a repetition.

    A failure is a `DeliveryError` that names scheme, host and port, and no secret. Safe from any
    thread. Blocks until the receiver responds.

    Args:
        url: Its path and query may contain a token: no message has them.
        secret: Signs each POST; ``whsec_`` and base64 with its padding, or that base64 alone, or
            the key itself as bytes. None means unsigned.
        body: The content for each violation: mappings, lists and strings with placeholders such as
            ``{budget}`` or ``{sentence}``; see `perfkit.sinks.template`. None means
            ``{"violations": [...]}`` with records as `as_record` makes them, all of one delivery
            in one POST.
        headers: Sent with each POST.
        timeout: Seconds to connect and to wait for the response, above 0.
        ca_file: Certificates of the authorities to trust, in a PEM file; None means the system's.

    Raises:
        ConfigurationError: If an argument cannot be used.
        MissingExtraError: If urllib3 is not installed.
    """

    def __init__(  # noqa: PLR0913 - the options of a table in the catalog, all by name but the first
        self,
        url: str,
        *,
        secret: str | bytes | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        ca_file: str | os.PathLike[str] | None = None,
    ) -> None:
        from perfkit.sinks.http.client import HttpClient  # noqa: PLC0415 - loads HTTP and TLS

        self._client = HttpClient(
            url, headers=headers, timeout=timeout, ca_file=ca_file, secrets=values_in(body)
        )
        self._key = None if secret is None else _key_of(secret)
        self._template = None if body is None else Template(body)
        # Two processes may send equal violations, of which a receiver must not drop the second as
        # a repetition of the first.
        self._salt = uuid.uuid4().hex
        self.atomic_batch = body is None
        """Whether many violations go in one POST."""

    @property
    def destination(self) -> str:
        """Scheme, host and port of the URL, none of which is a secret."""
        return self._client.destination

    def emit(self, violation: Violation) -> None:
        """Post one violation; raise `DeliveryError` if the receiver does not accept it."""
        self.emit_many((violation,))

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Post violations: in one POST, or with a `body` in one for each.

        Raises:
            DeliveryError: If the receiver does not accept one. Those before it have arrived.
        """
        if self._template is None:
            self._post({"violations": [as_record(each) for each in violations]}, violations)
            return
        for each in violations:
            self._post(self._template.fill(each), (each,))

    def _post(self, content: Any, violations: Sequence[Violation]) -> None:
        body = _encode(content)
        signed = {}
        if self._key:
            signed = signature(self._key, self._id_of(violations), int(time.time()), body)
        self._client.post(body, signed)

    def _id_of(self, violations: Sequence[Violation]) -> str:
        """Return an id that is unique to these violations, this process and this sink."""
        content = [self._salt, str(os.getpid())]
        for each in violations:
            content += [str(each.at_ns), _encode(as_record(each)).decode("ascii")]
        return f"msg_{hashlib.sha256(' '.join(content).encode()).hexdigest()[:32]}"


def _encode(content: Any) -> bytes:
    return json.dumps(as_finite(content), allow_nan=False, default=str).encode("ascii")


def signature(key: bytes, message_id: str, seconds: int, body: bytes) -> dict[str, str]:
    """Return the headers by which a receiver verifies the sender, the time and the content."""
    digest = hmac.new(key, f"{message_id}.{seconds}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": f"{seconds}",
        "webhook-signature": f"v1,{base64.b64encode(digest).decode('ascii')}",
    }


def _key_of(secret: str | bytes) -> bytes:
    if isinstance(secret, str):
        try:
            # Without `validate`, other characters are dropped, and the key differs from the
            # receiver's.
            secret = base64.b64decode(secret.strip().removeprefix("whsec_"), validate=True)
        except ValueError:
            secret = b""
    if not secret:
        raise ConfigurationError(
            'secret: not base64; write secret = "${HOOK_SECRET}" and set it to "whsec_" and '
            "24 to 64 bytes as base64"
        )
    return secret
