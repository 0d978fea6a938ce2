"""The sinks that perfkit brings, by type; each is loaded when it is used."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any, Final

from perfkit.assembly.option_types import Bytes, Count, read_option
from perfkit.errors import ConfigurationError, UnitError
from perfkit.model import Sink
from perfkit.units import Unit

SpanFactory = Callable[..., Sink]


def _load(module: str, name: str) -> SpanFactory:
    loaded: SpanFactory = getattr(import_module(f"perfkit.sinks.builtin.{module}"), name)
    return loaded


def _jsonl() -> SpanFactory:
    sink = _load("jsonl", "JsonLinesSink")

    def make(
        path: str = "perfkit-violations.jsonl",
        max_size: Bytes | None = None,
        keep: Count = 5,
        fsync: bool = False,  # noqa: FBT001, FBT002 - a key of a table
    ) -> Sink:
        size = None if max_size is None else int(_read("max_size", max_size, Unit.BYTES))
        return sink(path, max_bytes=size, keep=keep, fsync=fsync)

    return make


def _evidence() -> SpanFactory:
    sink = _load("evidence_files", "EvidenceFilesSink")

    def make(folder: str | os.PathLike[str] = "perfkit-evidence", most: Count = 100) -> Sink:
        return sink(folder, most)

    return make


def _from_table(
    module: str,
    name: str,
    kinds: Mapping[str, str] = {},
    code_only: Collection[str] = (),
    needed: Mapping[str, Any] = {},
) -> SpanFactory:
    """Return what makes a sink from a table that has the arguments of its class as keys.

    Args:
        module: Where the class is.
        name: What it is called.
        kinds: What arguments are in a table where code has something else or more, such as
            ``"Seconds"``: a name in `perfkit.assembly.option_types`.
        code_only: Arguments that no table can give.
        needed: Arguments that the class needs, to make one that tells what is wrong with another.
    """
    sink = _load(module, name)

    def make(**options: Any) -> Sink:
        problems = _read_times(options, kinds)
        return _made(sink, options, needed, problems)

    parameters = [
        parameter.replace(annotation=kinds.get(parameter.name, parameter.annotation))
        for parameter in inspect.signature(sink).parameters.values()
        if parameter.name not in code_only
    ]
    make.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # any function may have one
    return make


def _notify() -> SpanFactory:
    sink = _load("notify", "NotifySink")

    def make(urls: Sequence[str], title: str | None = None) -> Sink:
        options = {"urls": urls} if title is None else {"urls": urls, "title": title}
        return _made(sink, options, {"urls": ["json://receiver.example"]}, [])

    return make


def _read(option: str, written: str, unit: Unit) -> float:
    """Read a quantity; raises `ConfigurationError` without saying what was written."""
    try:
        return read_option(written, unit)
    except UnitError as error:
        raise ConfigurationError(f"option {option}: {error}") from None


def _read_times(options: dict[str, Any], kinds: Mapping[str, str]) -> list[str]:
    """Put numbers for the times in `options`; return what is wrong with those left out instead."""
    problems = []
    for option, kind in kinds.items():
        if kind == "Seconds" and option in options:
            written = options.pop(option)
            try:
                options[option] = _read(option, written, Unit.SECONDS)
            except ConfigurationError as error:
                problems.append(str(error))
    return problems


def _made(
    make: SpanFactory, options: Mapping[str, Any], needed: Mapping[str, Any], problems: list[str]
) -> Sink:
    """Make a sink. If that fails, look at each option alone: the first mistake hides others.

    Raises:
        ConfigurationError: Lists all that is wrong, after the `problems` known already.
    """
    found = list(problems)
    try:
        sink = make(**options)
    except ConfigurationError as error:
        found += str(error).splitlines()
    else:
        if not found:
            return sink
    for key, value in options.items():
        try:
            make(**{**needed, key: value})
        except ConfigurationError as error:
            found += str(error).splitlines()
    raise ConfigurationError("\n".join(dict.fromkeys(found)))


_A_URL: Final = {"url": "https://receiver.example"}


BUILT_IN: Final[Mapping[str, Callable[[], SpanFactory]]] = {
    "log": partial(_from_table, "log", "LogSink", {"form": "LogForm"}),
    "raise": partial(_load, "raising", "RaiseSink"),
    "jsonl": _jsonl,
    "evidence": _evidence,
    "metrics": partial(_load, "metrics_only", "MetricsOnlySink"),
    "webhook": partial(
        _from_table, "webhook", "WebhookSink", {"timeout": "Seconds"}, needed=_A_URL
    ),
    "alertmanager": partial(
        _from_table,
        "alertmanager",
        "AlertmanagerSink",
        dict.fromkeys(("resend", "hold", "timeout"), "Seconds"),
        code_only=("now", "wall"),
        needed=_A_URL,
    ),
    "notify": _notify,
    "sentry": partial(_load, "sentry", "SentrySink"),
    "github": partial(_from_table, "github", "GitHubSink", code_only=("stream",)),
}
"""Each loads its module and returns what makes the sink from the options of its table."""
