"""Send violations to people, by any of the services that apprise knows: mail, chat, pagers."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import unquote

from perfkit.errors import ConfigurationError, DeliveryFailed, MissingExtraError
from perfkit.model import Severity, Violation
from perfkit.sinks.record import as_printable

_TYPES: Final = {
    Severity.INFO: "info",
    Severity.WARNING: "warning",
    Severity.CRITICAL: "failure",
}
_LONGEST_TITLE: Final = 200
_LONGEST_BODY: Final = 2000
_SCHEMA: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30})://")
_BETWEEN_SECRETS: Final = re.compile(r"[/:@?&=#,;\s]+")
_SHORTEST_SECRET: Final = 3
_LOGGERS: Final = ("apprise", "urllib3.connectionpool")
"""Who logs while apprise works, the second one each path at DEBUG."""


class NotifySink:
    """Sends each violation to services of apprise, one after the other, with a title and a body.

    The body is the sentence for people, then one line for each further piece of evidence. Nothing
    that an address holds is shown or logged but its schema, such as ``mailto``; what apprise
    logs meanwhile has the parts of the addresses masked. Where a violation is given a second time
    because a service failed, the others do not get it again.

    A service takes up to a few seconds, so that this sink is one for the background. Safe from any
    thread.

    The addresses: https://github.com/caronc/apprise/wiki

    Args:
        urls: One address, or several. They hold secrets.
        title: A format of ``{severity}``, ``{budget}``, ``{category}``, ``{metric}``, ``{state}``
            and ``{environment}``. The severity of a recovery is ``recovered``.

    Raises:
        ConfigurationError: If apprise cannot use an address, or the title names something else.
        MissingExtraError: If apprise is not installed.
    """

    def __init__(
        self, urls: str | Sequence[str], *, title: str = "{severity}: budget {budget}"
    ) -> None:
        try:
            import apprise  # noqa: PLC0415 - optional, loads when asked for
        except ImportError as error:
            raise MissingExtraError("the notify sink", "notify") from error
        urls = [urls] if isinstance(urls, str) else list(urls)
        if not urls:
            raise ConfigurationError("there is no address to notify; give at least one URL")
        self._secrets = _secrets_in(urls)
        self._schemas = [_schema_of(url) for url in urls]
        self._title = _checked(title)
        with _masking(self._secrets):
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
        with _masking(self._secrets):
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
        title = self._title.format_map(
            {
                "severity": "recovered" if violation.is_recovery else violation.severity,
                "budget": violation.budget.name,
                "category": violation.budget.category,
                "metric": violation.limit.metric,
                "state": violation.state,
                "environment": violation.environment,
            }
        )
        return _cut(as_printable(f"{'TEST ' if violation.is_test else ''}{title}"), _LONGEST_TITLE)


def _make_services(apprise: Any, urls: Sequence[str], schemas: Sequence[str]) -> list[Any]:
    """Return one group of services for each address: only so is it known which one failed."""
    options: dict[str, Any] = {"async_mode": False}
    if "service_timeout" in inspect.signature(apprise.AppriseAsset).parameters:
        # Else each service runs in a thread of a pool, which a forked child waits for in vain.
        options["service_timeout"] = 0
    asset = apprise.AppriseAsset(**options)
    services, problems = [], []
    for position, (url, schema) in enumerate(zip(urls, schemas, strict=True), start=1):
        service = apprise.Apprise(asset=asset)
        if not service.add(url):
            problems.append(f"address {position} ({schema}) is none that apprise can use")
        services.append(service)
    if problems:
        raise ConfigurationError("\n".join(problems))
    return services


def _checked(title: str) -> str:
    known = ("severity", "budget", "category", "metric", "state", "environment")
    try:
        title.format_map(dict.fromkeys(known, ""))
    except (KeyError, ValueError, IndexError, AttributeError) as error:
        fields = ", ".join(f"{{{name}}}" for name in known)
        raise ConfigurationError(f"title {title!r} may name {fields} only: {error!r}") from None
    return title


def _body_of(violation: Violation) -> str:
    sentence = violation.describe()
    told = [as_printable(evidence.summary) for evidence in violation.evidence]
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

    A token can stand anywhere, also where the host is in other addresses.
    """
    parts = {
        part
        for url in urls
        for form in (_SCHEMA.sub("", url, count=1), unquote(_SCHEMA.sub("", url, count=1)))
        for part in _BETWEEN_SECRETS.split(form)
    }
    return frozenset(part for part in parts if len(part) >= _SHORTEST_SECRET)


@contextmanager
def _masking(secrets: frozenset[str]) -> Iterator[None]:
    """Keep secrets out of the log: of some addresses that it cannot use, apprise tells the text."""
    pattern = re.compile("|".join(map(re.escape, sorted(secrets, key=len, reverse=True))) or "(?!)")

    def mask(record: logging.LogRecord) -> bool:
        record.msg = pattern.sub("***", record.getMessage())
        record.args = ()
        record.exc_info = None
        return True

    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(mask)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(mask)
