"""The sinks that perfkit brings, by type; each is loaded when it is used."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any, Final

from perfkit.errors import ConfigurationError, UnitError
from perfkit.model import Sink
from perfkit.units import EXAMPLES, Unit, parse_quantity

Maker = Callable[..., Sink]


def _load(module: str, name: str) -> Maker:
    loaded: Maker = getattr(import_module(f"perfkit.sinks.endings.{module}"), name)
    return loaded


def _jsonl() -> Maker:
    sink = _load("jsonl", "JsonLinesSink")

    def make(
        path: str = "perfkit-violations.jsonl",
        max_size: str | None = None,
        keep: int = 5,
        fsync: bool = False,  # noqa: FBT001, FBT002 - a key of a table
    ) -> Sink:
        size = None if max_size is None else int(_read("max_size", max_size, Unit.BYTES))
        return sink(path, max_bytes=size, keep=keep, fsync=fsync)

    return make


def _evidence() -> Maker:
    sink = _load("evidence_files", "EvidenceFilesSink")

    def make(folder: str | os.PathLike[str] = "perfkit-evidence", most: int = 100) -> Sink:
        return sink(folder, most)

    return make


def _webhook() -> Maker:
    sink = _load("webhook", "WebhookSink")

    def make(  # noqa: PLR0913, PLR0917 - each is a key of a table
        url: str,
        secret: str | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: str = "10s",
        loopback: bool = False,  # noqa: FBT001, FBT002 - a key of a table
        ca_file: str | None = None,
    ) -> Sink:
        return sink(
            url,
            secret=secret,
            body=body,
            headers=headers,
            timeout=_read("timeout", timeout, Unit.SECONDS),
            loopback=loopback,
            ca_file=ca_file,
        )

    return make


def _alertmanager() -> Maker:
    sink = _load("alertmanager", "AlertmanagerSink")

    def make(  # noqa: PLR0913, PLR0917 - each is a key of a table
        url: str,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        resend: str = "1m",
        hold: str = "5m",
        generator_url: str = "",
        timeout: str = "10s",
        loopback: bool = False,  # noqa: FBT001, FBT002 - a key of a table
        ca_file: str | None = None,
    ) -> Sink:
        return sink(
            url,
            labels=labels,
            annotations=annotations,
            headers=headers,
            resend=_read("resend", resend, Unit.SECONDS),
            hold=_read("hold", hold, Unit.SECONDS),
            generator_url=generator_url,
            timeout=_read("timeout", timeout, Unit.SECONDS),
            loopback=loopback,
            ca_file=ca_file,
        )

    return make


def _notify() -> Maker:
    sink = _load("notify", "NotifySink")

    def make(urls: Sequence[str], title: str | None = None) -> Sink:
        return sink(urls) if title is None else sink(urls, title=title)

    return make


def _github() -> Maker:
    sink = _load("github", "GitHubSink")

    def make() -> Sink:  # its stream is for code only
        return sink()

    return make


def _read(option: str, written: str, unit: Unit) -> float:
    """Read a quantity; raises `ConfigurationError` without saying what was written."""
    try:
        return parse_quantity(written, unit)
    except UnitError:
        raise ConfigurationError(f"option {option}: write {EXAMPLES[unit]}") from None


BUILT_IN: Final[Mapping[str, Callable[[], Maker]]] = {
    "log": partial(_load, "log", "LogSink"),
    "raise": partial(_load, "raising", "RaiseSink"),
    "jsonl": _jsonl,
    "evidence": _evidence,
    "metrics": partial(_load, "metrics_only", "MetricsOnlySink"),
    "webhook": _webhook,
    "alertmanager": _alertmanager,
    "notify": _notify,
    "sentry": partial(_load, "sentry", "SentrySink"),
    "github": _github,
}
"""Each loads its module and returns what makes the sink from the options of its table."""
