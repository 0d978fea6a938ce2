"""Send violations to people, by any of the services that apprise knows: mail, chat, pagers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote

from perfkit.errors import ConfigurationError, DeliveryFailed, MissingExtraError
from perfkit.model import Severity, Violation
from perfkit.sinks.redaction.log_filter import masking, watch
from perfkit.sinks.redaction.redactor import Redactor, values_in
from perfkit.sinks.template import Line
from perfkit.text import printable

_TYPES: Final = {
    Severity.INFO: "info",
    Severity.WARNING: "warning",
    Severity.CRITICAL: "failure",
}
_LONGEST_TITLE: Final = 200
_LONGEST_BODY: Final = 2000
_SCHEMA: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30})://")
_BETWEEN_SECRETS: Final = re.compile(r"[/:@?&=#,;\s]+")
_TITLE_NAMES: Final = ("severity", "budget", "category", "metric", "state", "environment")

# Who logs while apprise works: those of urllib3 tell each path at DEBUG.
watch("apprise", "urllib3.connectionpool", "urllib3.poolmanager", "urllib3.util.retry")


class NotifySink:
    """Sends each violation to services of apprise, one after the other, with a title and a body.

    The body is the sentence for people, then one line for each further piece of evidence. Nothing
    that an address holds is shown or logged but its schema, such as ``mailto``; what apprise
    logs meanwhile, in this thread, has the parts of the addresses masked. Certificates are
    verified, and redirects are not followed where apprise can be told so (from 2.0); where its
    services may connect to is otherwise its own business. Where a violation is given a second time
    because a service failed, the others do not get it again.

    A service takes up to a few seconds, so that this sink is one for the background. Safe from any
    thread.

    The addresses: https://github.com/caronc/apprise/wiki

    Args:
        urls: One address, or several. They hold secrets.
        title: A text with the placeholders ``{severity}``, ``{budget}``, ``{category}``,
            ``{metric}``, ``{state}`` and ``{environment}``; ``{{`` and ``}}`` stand for braces. The
            severity of a recovery is ``recovered``.

    Raises:
        ConfigurationError: If apprise cannot use an address, one turns the verification of
            certificates off, or the title names something else.
        MissingExtraError: If apprise is not installed.
    """

    def __init__(
        self, urls: str | Sequence[str], *, title: str = "{severity}: budget {budget}"
    ) -> None:
        try:
            import netrc  # noqa: F401, PLC0415 - requests would load it in the thread that delivers

            import apprise  # noqa: PLC0415 - optional, loads when asked for
        except ImportError as error:
            raise MissingExtraError("the notify sink", "notify") from error
        urls = [urls] if isinstance(urls, str) else list(urls)
        if not urls:
            raise ConfigurationError("there is no address to notify; give at least one URL")
        self._mask = Redactor(_secrets_in(urls), heeds_short=True)
        self._schemas = [_schema_of(url) for url in urls]
        self._title = Line(title, "title", _TITLE_NAMES)
        with masking(self._mask):
            self._services = _make_services(apprise, urls, self._schemas)
        self._partly: tuple[Violation, list[int]] | None = None

    @property
    def destination(self) -> str:
        """Where violations go, for people."""
        count = len(self._schemas)
        return f"{count} service{'s' if count > 1 else ''}: {', '.join(self._schemas)}"

    def emit(self, violation: Violation) -> None:
        """Notify every service.

        Raises:
            DeliveryFailed: If a service did not take it, after the others were tried too.
        """
        message = {
            "title": self._title_of(violation),
            "body": _body_of(violation),
            "notify_type": "success" if violation.is_recovery else _TYPES[violation.severity],
            "body_format": "text",
        }
        due = self._due(violation)
        with masking(self._mask):
            failed = [index for index in due if not self._services[index].notify(**message)]
        if not failed:
            return
        self._partly = (violation, failed)
        schemas = ", ".join(self._schemas[index] for index in failed)
        raise DeliveryFailed(
            f"{len(failed)} of {len(self._services)} services did not take it: {schemas}; "
            "the log of apprise says more"
        )

    def _due(self, violation: Violation) -> Sequence[int]:
        """Return which services do not have it yet."""
        partly = self._partly
        if partly is not None and partly[0] is violation:
            self._partly = None
            return partly[1]
        return range(len(self._services))

    def _title_of(self, violation: Violation) -> str:
        title = self._title.fill(
            {
                "severity": "recovered" if violation.is_recovery else str(violation.severity),
                "budget": violation.budget.name,
                "category": violation.budget.category,
                "metric": str(violation.limit.metric),
                "state": str(violation.state),
                "environment": violation.environment,
            }
        )
        return _cut(printable(f"{'TEST ' if violation.is_test else ''}{title}"), _LONGEST_TITLE)


def _make_services(apprise: Any, urls: Sequence[str], schemas: Sequence[str]) -> list[Any]:
    """Return one group of services for each address: only so is it known which one failed."""
    asset = apprise.AppriseAsset(**_asset_options(apprise.AppriseAsset))
    services, problems = [], []
    for position, (url, schema) in enumerate(zip(urls, schemas, strict=True), start=1):
        service = apprise.Apprise(asset=asset)
        if not service.add(str(url)):
            problems.append(f"address {position} ({schema}) is none that apprise can use")
        elif not all(getattr(each, "verify_certificate", True) for each in service):
            problems.append(
                f"address {position} ({schema}) says verify=no, by which anybody could stand in "
                "for the service; leave verify out"
            )
        for each in service:
            each.redirects = False  # also where the address says otherwise
        services.append(service)
    if problems:
        raise ConfigurationError("\n".join(problems))
    return services


def _asset_options(asset: Any) -> dict[str, Any]:
    options: dict[str, Any] = {"async_mode": False}
    if "service_timeout" in inspect.signature(asset).parameters:
        # Else each service runs in a thread of a pool, which a forked child waits for in vain.
        options["service_timeout"] = 0
    return options


def _body_of(violation: Violation) -> str:
    sentence = violation.describe()
    told = [printable(evidence.summary) for evidence in violation.evidence]
    return _cut(
        "\n".join([sentence, *(each for each in told if each not in sentence)]), _LONGEST_BODY
    )


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 4]} ..."


def _schema_of(url: str) -> str:
    """Return what is safe to say of an address."""
    found = _SCHEMA.match(url)
    return found[1].lower() if found else "no schema"


def _secrets_in(urls: Sequence[str]) -> frozenset[str]:
    """Return all that could be a secret: every part of an address but the schema.

    A token can stand anywhere, also where the host is in other addresses. A name with a password is
    one part, too: that is what goes into base64.
    """
    bare = [_SCHEMA.sub("", url, count=1) for url in urls]
    forms = {form for text in bare for form in (text, unquote(text))}
    parts = {part for form in forms for part in _BETWEEN_SECRETS.split(form)}
    pairs = {unquote(text.partition("/")[0].rpartition("@")[0]) for text in bare}
    return frozenset(filter(None, parts | pairs)) | values_in(urls)
