"""Post violations to a URL, in the shape that its owner wants."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from perfkit.model import Violation
from perfkit.model.record import as_finite, as_record
from perfkit.sinks.template import Template

_AS_JSON: Final = {"Content-Type": "application/json"}


class WebhookSink:
    """Posts violations as JSON.

    With a secret each POST is signed as the Standard Webhooks specification says: headers
    ``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``. The id is the same each time
    that the same violations are sent, so that a receiver can tell a second attempt.

    A failure is a `DeliveryFailed` that names scheme, host and port, and no secret. Safe from any
    thread. Takes as long as the receiver does, up to `timeout` for each POST.

    Args:
        url: Where to. Its path and query may hold a token: they are never said.
        secret: Signs each POST; ``whsec_`` and base64, or bytes. None means unsigned.
        body: What to post for each violation: mappings, lists and strings, where placeholders such
            as ``{budget}`` or ``{sentence}`` in strings stand for facts; see
            `perfkit.sinks.template`. Words in it of 16 characters or more without a placeholder
            are taken for keys, and are not said where a receiver quotes them. None means
            ``{"violations": [...]}`` with records as `as_record` makes them, all of one delivery
            in one POST.
        headers: Sent with each POST.
        timeout: Seconds that a POST may take.
        loopback: Whether it may go to this machine itself.
        ca_file: Certificates of the authorities to trust, in a PEM file; None means the system's.

    Raises:
        ConfigurationError: If something of that cannot be used.
    """

    def __init__(  # noqa: PLR0913 - the options of a table in the catalog, all by name but the first
        self,
        url: str,
        *,
        secret: str | bytes | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        loopback: bool = False,
        ca_file: str | os.PathLike[str] | None = None,
    ) -> None:
        from perfkit.sinks.http.credentials import secrets_in_body  # noqa: PLC0415 - as the next
        from perfkit.sinks.http.endpoint import Endpoint  # noqa: PLC0415 - loads HTTP and TLS
        from perfkit.sinks.http.signing import Signer  # noqa: PLC0415 - likewise

        self._endpoint = Endpoint(
            url,
            headers=headers,
            timeout=timeout,
            loopback=loopback,
            ca_file=ca_file,
            secrets=secrets_in_body(body),
        )
        self._signer = None if secret is None else Signer(secret)
        self._template = None if body is None else Template(body)
        self._salt = uuid.uuid4().hex
        self.atomic_batch = body is None
        """Whether many violations go in one POST."""

    @property
    def destination(self) -> str:
        """Where it posts to: scheme, host and port, which are no secret."""
        return self._endpoint.destination

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.destination})"

    def emit(self, violation: Violation) -> None:
        """Post one violation; raises `DeliveryFailed` where its receiver does not take it."""
        self.emit_many((violation,))

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Post violations: in one POST, or with a `body` in one for each.

        Raises:
            DeliveryFailed: If the receiver does not take one. Those before it have arrived.
        """
        if self._template is None:
            self._post({"violations": [as_record(each) for each in violations]}, violations)
            return
        for each in violations:
            self._post(self._template.fill(each), (each,))

    def _post(self, content: Any, violations: Sequence[Violation]) -> None:
        body = _encode(content)
        signed = self._signer.sign(self._id_of(violations), body) if self._signer else {}
        self._endpoint.post(body, {**_AS_JSON, **signed})

    def _id_of(self, violations: Sequence[Violation]) -> str:
        """Return an id that only these violations have, of this process and sink."""
        told = [self._salt, str(os.getpid())]
        for each in violations:
            told += [str(each.at_ns), _encode(as_record(each)).decode("ascii")]
        return f"msg_{hashlib.sha256(' '.join(told).encode()).hexdigest()[:32]}"


def _encode(content: Any) -> bytes:
    import json  # noqa: PLC0415 - loads when first needed

    return json.dumps(as_finite(content), allow_nan=False, default=str).encode("ascii")
