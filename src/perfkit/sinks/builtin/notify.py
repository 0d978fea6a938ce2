"""Send violations to people by the services of apprise: mail, chat, pagers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote

from perfkit.errors import ConfigurationError, DeliveryError, MissingExtraError
from perfkit.model import Severity, Violation
from perfkit.sinks.redaction import URLLIB3_LOGGERS, Redactor, redacted_logs, values_in, watch
from perfkit.sinks.template import Template
from perfkit.text import printable, shorten

_TYPES: Final = {
    Severity.INFO: "info",
    Severity.WARNING: "warning",
    Severity.CRITICAL: "failure",
}
_LONGEST_TITLE: Final = 200
_LONGEST_BODY: Final = 2000
_SCHEMA: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30})://")
_BETWEEN_SECRETS: Final = re.compile(r"[/:@?&=#,;\s]+")

watch("apprise", *URLLIB3_LOGGERS)


class NotifySink:
    """Sends each violation to services of apprise, one after the other, with a title and a body.

    The body is the sentence for people, then one line for each further piece of evidence. Of an
    address only the schema, such as ``mailto``, is shown or logged; while apprise sends, the parts
    of the addresses are redacted in its logs of this thread. Certificates are verified, and
    redirects are not followed (apprise 2.0 or later). If a service fails, the next attempt leaves
    out the others. A service may need some seconds, so this sink belongs behind a queue. Safe from
    any thread.

    Args:
        urls: One address of https://github.com/caronc/apprise/wiki, or several, with secrets.
        title: A text with placeholders such as ``{budget}``; see `perfkit.sinks.template`. The
            severity of a recovery is ``recovered``.

    Raises:
        ConfigurationError: If apprise cannot use an address, one turns the verification of
            certificates off, or the title has an unknown placeholder.
        MissingExtraError: If apprise is not installed.
    """

    def __init__(
        self, urls: str | Sequence[str], *, title: str = "{severity}: budget {budget}"
    ) -> None:
        try:
            # requests would load it in the thread that delivers, where a fork may interrupt that.
            import netrc  # noqa: F401, PLC0415 - see above

            import apprise  # noqa: PLC0415 - optional, loads when asked for
        except ImportError as error:
            raise MissingExtraError("the notify sink", "notify") from error
        urls = [urls] if isinstance(urls, str) else list(urls)
        if not urls:
            raise ConfigurationError("there is no address to notify; give at least one URL")
        self._redactor = Redactor(_secrets_in(urls))
        self._schemas = [_schema_of(url) for url in urls]
        self._title = Template(title, "title")
        with redacted_logs(self._redactor):
            self._services = _make_services(apprise, urls, self._schemas)
        # The services that did not accept the last violation: another attempt is for them only.
        self._partly: tuple[Violation | None, list[int]] = (None, [])

    @property
    def destination(self) -> str:
        """The number of services, and their schemas."""
        count = len(self._schemas)
        return f"{count} service{'s' if count > 1 else ''}: {', '.join(self._schemas)}"

    def emit(self, violation: Violation) -> None:
        """Notify every service.

        Raises:
            DeliveryError: If a service did not accept it, after all were tried.
        """
        message = {
            "title": self._title_of(violation),
            "body": _body_of(violation),
            "notify_type": "success" if violation.is_recovery else _TYPES[violation.severity],
            "body_format": "text",
        }
        before, failed = self._partly
        due = failed if before is violation else range(len(self._services))
        with redacted_logs(self._redactor):
            failed = [index for index in due if not self._services[index].notify(**message)]
        self._partly = (violation if failed else None, failed)
        if not failed:
            return
        schemas = ", ".join(self._schemas[index] for index in failed)
        raise DeliveryError(
            f"{len(failed)} of {len(self._services)} services did not accept it: {schemas}; "
            "the log of apprise has the details"
        )

    def _title_of(self, violation: Violation) -> str:
        severity = "recovered" if violation.is_recovery else str(violation.severity)
        title = self._title.fill(violation, severity=severity)
        return shorten(printable(f"{'TEST ' if violation.is_test else ''}{title}"), _LONGEST_TITLE)


def _make_services(apprise: Any, urls: Sequence[str], schemas: Sequence[str]) -> list[Any]:
    """Return one group of services for each address, so that a failure names its address."""
    options: dict[str, Any] = {"async_mode": False}
    if "service_timeout" in inspect.signature(apprise.AppriseAsset).parameters:
        # Otherwise each service runs in a thread of a pool, for which a forked child waits forever.
        options["service_timeout"] = 0
    asset = apprise.AppriseAsset(**options)
    services, problems = [], []
    for position, (url, schema) in enumerate(zip(urls, schemas, strict=True), start=1):
        service = apprise.Apprise(asset=asset)
        if not service.add(str(url)):
            problems.append(f"address {position} ({schema}) is not one that apprise can use")
        elif not all(getattr(each, "verify_certificate", True) for each in service):
            problems.append(
                f"address {position} ({schema}) says verify=no, by which anybody could stand in "
                "for the service; leave verify out"
            )
        for each in service:
            each.redirects = False  # overrides the option in the address
        services.append(service)
    if problems:
        raise ConfigurationError("\n".join(problems))
    return services


def _body_of(violation: Violation) -> str:
    sentence = violation.describe()
    summaries = [printable(evidence.summary) for evidence in violation.evidence]
    lines = [sentence, *(each for each in summaries if each not in sentence)]
    return shorten("\n".join(lines), _LONGEST_BODY)


def _schema_of(url: str) -> str:
    """Return the schema of an address, the only part that is not a secret."""
    found = _SCHEMA.match(url)
    return found[1].lower() if found else "no schema"


def _secrets_in(urls: Sequence[str]) -> frozenset[str]:
    """Return every part of the addresses but the schema: a token can be in any of them.

    A name with its password is a part too, as base64 encodes both together.
    """
    bare = [_SCHEMA.sub("", url, count=1) for url in urls]
    raw = {part for text in (*bare, *map(unquote, bare)) for part in _BETWEEN_SECRETS.split(text)}
    parts = raw | {unquote(part) for part in raw}
    pairs = {unquote(text.partition("/")[0].rpartition("@")[0]) for text in bare}
    return frozenset(filter(None, parts | pairs)) | values_in(urls)
