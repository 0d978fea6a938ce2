"""Define the types of sinks, each with a table of its options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Final

from attrs import Factory, frozen

from perfkit.catalog.fields import (
    Field,
    Reader,
    choice,
    field_table,
    read_count,
    read_flag,
    read_seconds,
    read_size,
    read_text,
    read_whole,
)
from perfkit.catalog.problems import Problems, quoted, shown
from perfkit.errors import ConfigurationError
from perfkit.model import Sink
from perfkit.sinks.delivery.signals import is_signal_exception
from perfkit.text import printable, suggest

ENTRY_POINTS: Final = "perfkit.sinks"
OTEL: Final = "otel"
FAN_OUT: Final = "fan_out"
"""Types whose arguments the registry adds: its telemetry, and the sinks of a fan-out."""


@frozen
class SinkType:
    """A type of sinks, with the options of its table.

    Args:
        load: Imports the sink's module and returns its class, or another factory.
        takes_any: Whether the type accepts options that are not in `options`.
        is_ours: Whether the type is a part of perfkit.
        arguments: The argument of each option whose argument has another name.
    """

    name: str
    load: Callable[[], Callable[..., Sink]]
    options: Mapping[str, Field]
    takes_any: bool = False
    is_ours: bool = True
    arguments: Mapping[str, str] = Factory(dict)

    @property
    def needs_table(self) -> bool:
        """Whether an option is required, so that the type itself is not the name of a sink."""
        return any(each.required for each in self.options.values())


def find_type(name: str) -> SinkType | None:
    """Return a built-in type or one of another package; None if there is none.

    Raises:
        ConfigurationError: If the other package cannot be loaded.
    """
    return BUILT_IN.get(name) or next(
        map(_type_of, entry_points(group=ENTRY_POINTS, name=name)), None
    )


def type_names() -> set[str]:
    """Return the names of all types."""
    return {*BUILT_IN, *entry_points(group=ENTRY_POINTS).names}


def unknown_type(name: str) -> str:
    """Return the message for a type that does not exist."""
    types = type_names()
    return f"no sink is of type {quoted(name)}; {_nearest(name, types) or _list_of(sorted(types))}"


def unknown_name(name: str, declared: Collection[str]) -> str:
    """Return the message for a name without a sink; it lists `declared`, with a table, first."""
    close = _nearest(name, declared) or _nearest(name, type_names())
    usable = {each.name for each in BUILT_IN.values() if not each.needs_table}
    known = [*sorted(declared), *sorted(usable - set(declared))]
    return f"no sink is called {quoted(name)}; {close or _list_of(known)}"


def _nearest(word: str, known: Iterable[str]) -> str:
    close = suggest(word, known)
    return f"did you mean {quoted(close)}?" if close else ""


def _list_of(known: Iterable[str]) -> str:
    return f"there are {', '.join(map(shown, known))}"


# -- types of other packages


def _type_of(entry_point: Any) -> SinkType:
    try:
        loaded: Callable[..., Sink] = entry_point.load()
    except Exception as error:
        if is_signal_exception(error):
            raise
        raise ConfigurationError(
            f"the sink {quoted(entry_point.name)} of {entry_point.value} cannot be loaded: "
            f"{printable(str(error))}"
        ) from error
    return type_of_callable(entry_point.name, loaded)


def type_of_callable(name: str, make: Callable[..., Sink]) -> SinkType:
    """Return the type of the sinks that a callable of another package returns.

    Its parameters are the options. Those annotated as `str`, `int`, `float` or `bool` are checked.
    """
    try:
        parameters = inspect.signature(make).parameters.values()
    # A callable written in C may have no signature, so its options cannot be checked.
    except (TypeError, ValueError):
        return SinkType(name, lambda: make, {}, takes_any=True, is_ours=False)
    options = field_table(
        *(
            Field(each.name, _reader_of(each.annotation), required=each.default is each.empty)
            for each in parameters
            if each.kind in {each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY}
        )
    )
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters)
    return SinkType(name, lambda: make, options, takes_any=takes_any, is_ours=False)


def _reader_of(annotation: object) -> Reader:
    # With ``from __future__ import annotations`` the annotation is a text. It is not evaluated:
    # its names may exist only for type checkers.
    if isinstance(annotation, type):
        written = annotation.__name__ if annotation.__module__ == "builtins" else ""
    else:
        written = str(annotation).strip("'\"").removeprefix("typing.")
        if written.startswith("Optional[") and written.endswith("]"):
            written = written.removeprefix("Optional[")[:-1]
        written = written.removesuffix(" | None").removeprefix("None | ")
    return _PLAIN.get(written, _anything)


# -- readers of options, which return texts unchanged, because parts of them may be secrets


def _anything(value: Any, _: Problems) -> Any:
    return value


def _number(value: Any, problems: Problems) -> Any:
    if not isinstance(value, int | float) or isinstance(value, bool):
        problems.refuse(value, "is not a number; write one, without quotes")
    return value


def _texts(value: Any, problems: Problems) -> Any:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        problems.refuse(value, 'is not a list of texts; write ["..."]')
    return value


def _text_table(value: Any, problems: Problems) -> Any:
    if not isinstance(value, Mapping) or not all(isinstance(each, str) for each in value.values()):
        problems.refuse(value, 'is not a table of texts; write { name = "..." }')
    return value


def _log_form(value: Any, problems: Problems) -> Any:
    from perfkit.sinks.builtin.log import FORMS  # noqa: PLC0415 - loads with the sink itself

    return choice(*FORMS)(value, problems)


_PLAIN: Final[Mapping[str, Reader]] = {
    "str": read_text,
    "int": read_whole,
    "float": _number,
    "bool": read_flag,
}
MAY_HOLD_VARIABLES: Final[Collection[Reader]] = (
    _anything,
    read_text,
    _log_form,
    read_seconds,
    read_size,
)
"""Readers of values that are texts in a catalog, which may contain ``${NAME}``."""


# -- types of perfkit


def _load(module: str, name: str) -> Callable[..., Sink]:
    loaded: Callable[..., Sink] = getattr(import_module(f"perfkit.{module}"), name)
    return loaded


_POST: Final = (
    Field("headers", _text_table, "headers of each POST"),
    Field("timeout", read_seconds, "time for a POST", 10.0),
    Field("ca_file", read_text, "PEM file of the authorities to trust"),
)


def _type(
    name: str, module: str, sink: str, *options: Field, arguments: Mapping[str, str] | None = None
) -> SinkType:
    load = partial(_load, module, sink)
    return SinkType(name, load, field_table(*options), arguments=arguments or {})


BUILT_IN: Final[Mapping[str, SinkType]] = {
    each.name: each
    for each in (
        _type(
            "log",
            "sinks.builtin.log",
            "LogSink",
            Field("logger", read_text, "name of the logger", "perfkit.violations"),
            Field("form", _log_form, "form of the lines", "auto"),
        ),
        _type(
            "raise",
            "sinks.builtin.raising",
            "RaiseSink",
            Field("contended", read_flag, "whether contended values raise too", default=False),
        ),
        _type(
            "jsonl",
            "sinks.builtin.jsonl",
            "JsonLinesSink",
            Field("path", read_text, "the file", "perfkit-violations.jsonl"),
            Field("max_size", read_size, "size at which the file is rotated"),
            Field("keep", read_count, "number of rotated files that are kept", 5),
            Field("fsync", read_flag, "whether each batch is synced to disk", default=False),
            arguments={"max_size": "max_bytes"},
        ),
        _type(
            "evidence",
            "sinks.builtin.evidence_files",
            "EvidenceFilesSink",
            Field("folder", read_text, "the folder", "perfkit-evidence"),
            Field("most", read_count, "number of files that are kept", 100),
        ),
        _type("metrics", "sinks.builtin.metrics_only", "MetricsOnlySink"),
        _type(
            "webhook",
            "sinks.builtin.webhook",
            "WebhookSink",
            Field("url", read_text, "where to post", required=True),
            Field("secret", read_text, "signs each POST"),
            Field("body", _anything, "template of the body"),
            *_POST,
        ),
        _type(
            "alertmanager",
            "sinks.builtin.alertmanager",
            "AlertmanagerSink",
            Field("url", read_text, "base URL of Alertmanager", required=True),
            Field("labels", _text_table, "more labels of each alert"),
            Field("annotations", _text_table, "more annotations of each alert"),
            Field("resend", read_seconds, "time until an active alert is sent again", 60.0),
            Field("hold", read_seconds, "time for which an alert stays active", 300.0),
            Field("generator_url", read_text, "link to the origin of each alert"),
            *_POST,
        ),
        _type(
            "notify",
            "sinks.builtin.notify",
            "NotifySink",
            Field("urls", _texts, "URLs of apprise", required=True),
            Field("title", read_text, "title of each notification"),
        ),
        _type("sentry", "sinks.builtin.sentry", "SentrySink"),
        _type("github", "sinks.builtin.github", "GitHubSink"),
        _type(OTEL, "otel.events", "EventSink"),
        _type(
            FAN_OUT,
            "sinks.delivery.fan_out",
            "FanOut",
            Field("sinks", _texts, "names of other sinks", required=True),
        ),
    )
}
"""The built-in types by name."""
