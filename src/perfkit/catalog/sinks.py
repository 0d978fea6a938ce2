"""Parse the tables of sinks: their types, options and delivery policies."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from perfkit.catalog.catalog import SinkDeclaration
from perfkit.catalog.fields import (
    Field,
    choice,
    field_table,
    read_count,
    read_count_or_off,
    read_flag,
    read_rate_or_off,
    read_seconds,
    read_seconds_or_off,
    read_table,
    read_text,
    write_count_or_off,
    write_rate_or_off,
    write_seconds,
    write_seconds_or_off,
)
from perfkit.catalog.problems import Problems
from perfkit.catalog.routes import read_conditions, write_conditions
from perfkit.model import Policy, Route


def read_sinks(value: Any, problems: Problems) -> tuple[SinkDeclaration, ...]:
    """Parse the ``[sinks]`` tables of a catalog; report invalid values without their text."""
    # A secret may be in an unexpected place, such as a URL instead of a table.
    problems = problems.hiding()
    tables = read_table(value, problems, '[sinks.file] with type = "jsonl"')
    return tuple(_sink(name, table, problems.below(name)) for name, table in tables.items())


def _sink(name: str, value: Any, problems: Problems) -> SinkDeclaration:
    options = dict(read_table(value, problems, '{ type = "jsonl" }'))
    kind = read_text(options.pop("type", name), problems.below("type"))
    policy = {
        key: field.read(options.pop(key), problems.below(key))
        for key, field in POLICY.items()
        if key in options
    }
    return SinkDeclaration(name=name, type=kind, options=options, policy=Policy(**policy))


def _match(value: Any, problems: Problems) -> Route:
    return Route(sinks=(), **read_conditions(value, problems))


@cache
def default_policy(kind: str) -> Policy:
    """Return the default policy of a type of sink. Cached."""
    return Policy(**{key: each.by_type.get(kind, each.default) for key, each in POLICY.items()})


_NETWORK: Final = ("webhook", "alertmanager", "notify")

POLICY: Final[Mapping[str, Field]] = field_table(
    Field(
        "match",
        _match,
        "only violations that match it: conditions as of a route",
        write=write_conditions,
    ),
    Field(
        "repeat_interval",
        read_seconds_or_off,
        "time until another violation of the same kind and severity is delivered; with "
        "`resolve_after`, of the same incident",
        0.0,
        {"notify": 300.0, "github": 3600.0, "alertmanager": 60.0},
        write=write_seconds_or_off,
    ),
    Field(
        "resolve_after",
        read_seconds_or_off,
        "time without a violation after which an incident of single calls is resolved",
        0.0,
        {"alertmanager": 300.0},
        write=write_seconds_or_off,
    ),
    Field(
        "send_resolved",
        read_flag,
        "whether a recovery is delivered when `resolve_after` ends an incident",
        default=True,
    ),
    Field(
        "rate_limit",
        read_rate_or_off,
        'largest number on average: `"10/min"`',
        0.0,
        {"log": 20.0, "webhook": 5.0, "sentry": 1.0, "notify": 0.2},
        write=write_rate_or_off,
    ),
    Field(
        "burst",
        read_count,
        "largest number at once, if there were none before",
        1,
        {"log": 100, "webhook": 50, "sentry": 20, "notify": 5},
    ),
    Field("background", read_flag, "whether the sink has a queue and a thread of its own"),
    Field("queue_size", read_count, "largest number of violations in the queue", 1000),
    Field(
        "when_full",
        choice("drop_oldest", "drop_newest"),
        'which violation a full queue drops: `"drop_oldest"` or `"drop_newest"`',
        "drop_oldest",
    ),
    Field("batch_size", read_count, "number of violations to send together", 1),
    Field(
        "batch_wait",
        read_seconds,
        "longest time that the first of a batch waits for others",
        5.0,
        write=write_seconds,
    ),
    Field(
        "max_failures",
        read_count_or_off,
        "number of failures in a row that stop deliveries for a while",
        0,
        dict.fromkeys(_NETWORK, 5),
        write=write_count_or_off,
    ),
    Field(
        "failure_cooldown",
        read_seconds,
        "time without deliveries after that",
        30.0,
        write=write_seconds,
    ),
    Field(
        "max_attempts",
        read_count,
        "number of attempts, with growing random waits; more than 1 needs `perfkit[webhook]`",
        1,
        dict.fromkeys(_NETWORK, 3),
    ),
)
"""The policy keys of every type of sink, in the order of the layers. All others are options."""

RENAMED: Final[Mapping[str, str]] = {
    "only": "match",
    "cooldown": "repeat_interval",
    "repeat": "repeat_interval",
    "quiet": "resolve_after",
    "attempts": "max_attempts",
    "failures": "max_failures",
}
"""Former policy keys, with their current names."""
