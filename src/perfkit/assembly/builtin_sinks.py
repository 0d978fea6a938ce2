"""The sinks that perfkit brings, by type; each is loaded when it is used."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Collection, Mapping, Sequence
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


def _from_table(
    module: str, name: str, quantities: Mapping[str, Unit] = {}, code_only: Collection[str] = ()
) -> Maker:
    """Return what makes a sink from a table that has the arguments of its class as keys.

    Args:
        module: Where the class is.
        name: What it is called.
        quantities: Which arguments are numbers in code and text in a table, such as ``"10s"``.
        code_only: Arguments that no table can give.
    """
    sink = _load(module, name)

    def make(**options: Any) -> Sink:
        for option in quantities.keys() & options.keys():
            options[option] = _read(option, options[option], quantities[option])
        return sink(**options)

    parameters = [
        parameter.replace(annotation="str") if parameter.name in quantities else parameter
        for parameter in inspect.signature(sink).parameters.values()
        if parameter.name not in code_only
    ]
    make.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # any function may have one
    return make


def _notify() -> Maker:
    sink = _load("notify", "NotifySink")

    def make(urls: Sequence[str], title: str | None = None) -> Sink:
        return sink(urls) if title is None else sink(urls, title=title)

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
    "webhook": partial(_from_table, "webhook", "WebhookSink", {"timeout": Unit.SECONDS}),
    "alertmanager": partial(
        _from_table,
        "alertmanager",
        "AlertmanagerSink",
        dict.fromkeys(("resend", "hold", "timeout"), Unit.SECONDS),
        code_only=("now", "wall"),
    ),
    "notify": _notify,
    "sentry": partial(_load, "sentry", "SentrySink"),
    "github": partial(_from_table, "github", "GitHubSink", code_only=("stream",)),
}
"""Each loads its module and returns what makes the sink from the options of its table."""
