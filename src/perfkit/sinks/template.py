"""Fill the facts of a violation into a template for a receiver."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from perfkit.errors import ConfigurationError
from perfkit.model import (
    Budget,
    CodeLocation,
    Direction,
    Limit,
    Metric,
    Severity,
    State,
    Violation,
)
from perfkit.model.violation import as_record
from perfkit.sinks.redaction import parts_of
from perfkit.text import printable, suggest
from perfkit.units import format_quantity

_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class Template:
    """A shape of mappings, lists and strings, with placeholders such as ``{budget}`` in strings.

    Each string is filled in a single pass, so that a fact is never parsed as a placeholder, and
    encoded as a whole afterwards, so that a fact cannot end the string that it is in. Keys stay as
    they are. ``{{`` and ``}}`` are braces. The value of an environment variable is literal text
    as it is, braces too: see `perfkit.sinks.redaction.Interpolated`.

    Args:
        shape: Data that JSON can represent.
        place: Its name in messages.

    Raises:
        ConfigurationError: If it has other data, or a placeholder that is not one of `fact_names`.
            The message lists every problem, without values of environment variables.
    """

    def __init__(self, shape: Any, place: str = "body") -> None:
        problems = list(_problems_of(shape, place))
        if problems:
            raise ConfigurationError("\n".join(problems))
        self._shape = shape

    def fill(self, violation: Violation, **changed: str) -> Any:
        """Return the shape with the facts of `violation`, of which some may be `changed`."""
        return _filled(self._shape, {**facts_of(violation), **changed})


def facts_of(violation: Violation) -> dict[str, str]:
    """Return the value of each placeholder, as text.

    These are the keys of `as_record` but for the evidence; ``sentence``, which is for people; and
    ``value_text``, ``target_text`` and ``threshold_text`` with their units, such as ``412 ms``.
    """
    unit = violation.limit.metric.unit
    record = as_record(violation).items()
    return {
        **{key: _text_of(value) for key, value in record if not isinstance(value, list | dict)},
        "sentence": violation.describe(),
        "value_text": format_quantity(violation.value, unit),
        "target_text": format_quantity(violation.limit.target, unit),
        "threshold_text": format_quantity(violation.limit.threshold, unit),
    }


def _text_of(value: str | float) -> str:
    """Return a fact as text, a boolean as in JSON."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@cache
def fact_names() -> tuple[str, ...]:
    """Return the names of all placeholders."""
    example = Violation(
        budget=Budget(name="example"),
        limit=Limit(metric=Metric.DURATION, target=0.1, threshold=0.1, direction=Direction.AT_MOST),
        value=0.2,
        state=State.VIOLATED,
        severity=Severity.WARNING,
        where=CodeLocation(function="example"),
        at_ns=0,
    )
    return tuple(facts_of(example))


def _filled(shape: Any, facts: Mapping[str, str]) -> Any:
    if isinstance(shape, Mapping):
        return {key: _filled(value, facts) for key, value in shape.items()}
    if isinstance(shape, list | tuple):
        return [_filled(value, facts) for value in shape]
    if not isinstance(shape, str):
        return shape
    # A token may contain braces, so the values of variables are not searched for placeholders.
    return "".join(
        part if is_value else _PIECE.sub(lambda it: facts[it[1]] if it[1] else it[0][0], part)
        for part, is_value in parts_of(shape)
    )


def _problems_of(shape: Any, place: str) -> Iterator[str]:
    if isinstance(shape, str):
        pieces = (
            piece
            for part, is_value in parts_of(shape)
            for piece in (() if is_value else _PIECE.finditer(part))
        )
        yield from (f"{place}: {problem}" for piece in pieces if (problem := _problem_of(piece)))
    elif isinstance(shape, Mapping):
        if not all(isinstance(key, str) for key in shape):
            yield f"{place}: a key is not a text; write it in quotes"
        for key, value in shape.items():
            yield from _problems_of(value, f"{place}.{key}")
    elif isinstance(shape, list | tuple):
        for index, value in enumerate(shape):
            yield from _problems_of(value, f"{place}[{index}]")
    elif not isinstance(shape, bool | int | float | None) or not math.isfinite(shape or 0):
        yield f"{place}: {shape!r} cannot be written as JSON; write it as text"


def _problem_of(piece: re.Match[str]) -> str:
    sign, name = piece[0], piece[1]
    if sign in {"{", "}"}:
        return f"a single {sign} has no partner; write {sign * 2} for the sign itself"
    if name is None or name in fact_names():
        return ""
    close = suggest(name, fact_names())
    hint = f"did you mean {{{close}}}? " if close else ""
    there_are = f"{hint}There are {', '.join(fact_names())}"
    return f"unknown placeholder {{{printable(name[:50])}}}; {there_are}"
