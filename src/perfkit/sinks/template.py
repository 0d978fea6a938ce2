"""Fill the facts of a violation into a template for a receiver."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeAlias

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

_Fill: TypeAlias = Callable[[Mapping[str, str]], Any]
_Piece: TypeAlias = tuple[str, bool]
"""A literal text or the name of a placeholder, and whether it is the latter."""
_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class Template:
    """A shape of mappings, lists and strings, with placeholders such as ``{budget}`` in strings.

    Each string is filled in a single pass, so that a fact is never parsed as a placeholder, and
    encoded as a whole afterwards, so that a fact cannot end the string that it is in. Keys stay as
    they are. ``{{`` and ``}}`` are braces. The value of an environment variable is literal text
    as it is, braces too: see `perfkit.sinks.redaction.Interpolated`.

    Args:
        shape: Data that JSON can represent.

    Raises:
        ConfigurationError: If it has other data, or a placeholder that is not one of `fact_names`.
            The message lists every problem.
    """

    def __init__(self, shape: Any) -> None:
        problems: list[str] = []
        self._fill = _compile(shape, "body", problems)
        if problems:
            raise ConfigurationError("\n".join(problems))

    def fill(self, violation: Violation) -> Any:
        """Return the shape with the facts of `violation`."""
        return self._fill(facts_of(violation))


class Line:
    """One text with placeholders, filled like those of a `Template`.

    Args:
        text: The text.
        place: Its name in messages.
        names: The placeholders that it may have.

    Raises:
        ConfigurationError: If it has a placeholder that is not one of `names`. The message lists
            every problem, without values of environment variables.
    """

    def __init__(self, text: str, place: str, names: Sequence[str]) -> None:
        known = ", ".join(f"{{{name}}}" for name in names)
        found = _problems_of(text, names, known, beside_sign=f". There are {known}")
        problems = [f"{place}: {problem}" for problem in found]
        if problems:
            raise ConfigurationError("\n".join(problems))
        self._pieces = _pieces_of(text)

    def fill(self, facts: Mapping[str, str]) -> str:
        """Return the text with `facts` in the places of their names."""
        return _filled(self._pieces, facts)


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


def _compile(shape: Any, place: str, problems: list[str]) -> _Fill:
    """Return a function that fills `shape`; append the problems of `shape` to `problems`."""
    if isinstance(shape, str):
        problems.extend(f"{place}: {problem}" for problem in _body_problems(shape))
        pieces = _pieces_of(shape)
        return lambda facts: _filled(pieces, facts)
    if isinstance(shape, Mapping):
        if not all(isinstance(key, str) for key in shape):
            problems.append(f"{place}: a key is not a text; write it in quotes")
        return _filling_mapping(
            {key: _compile(value, f"{place}.{key}", problems) for key, value in shape.items()}
        )
    if isinstance(shape, list | tuple):
        return _filling_list(
            [_compile(value, f"{place}[{index}]", problems) for index, value in enumerate(shape)]
        )
    if not isinstance(shape, bool | int | float | None) or not math.isfinite(shape or 0):
        problems.append(f"{place}: {shape!r} cannot be written as JSON; write it as text")
    return lambda _: shape


def _filling_mapping(values: Mapping[str, _Fill]) -> _Fill:
    return lambda facts: {key: fill(facts) for key, fill in values.items()}


def _filling_list(values: Iterable[_Fill]) -> _Fill:
    kept = tuple(values)
    return lambda facts: [fill(facts) for fill in kept]


def _filled(pieces: Iterable[_Piece], facts: Mapping[str, str]) -> str:
    return "".join(facts[text] if is_name else text for text, is_name in pieces)


def _pieces_of(text: str) -> Sequence[_Piece]:
    """Split a text without problems into pieces."""
    return tuple(_each_piece_of(text))


def _each_piece_of(text: str) -> Iterator[_Piece]:
    # A token may contain braces, so the values of variables are not searched for placeholders.
    for part, is_value in parts_of(text):
        end = 0
        for found in () if is_value else _PIECE.finditer(part):
            yield part[end : found.start()], False
            yield (found[0][0], False) if found[1] is None else (found[1], True)
            end = found.end()
        yield part[end:], False


def _body_problems(text: str) -> Iterable[str]:
    return _problems_of(text, fact_names(), ", ".join(fact_names()))


def _problems_of(
    text: str, names: Sequence[str], known: str, beside_sign: str = ""
) -> Iterable[str]:
    for part, is_value in parts_of(text):
        for piece in () if is_value else _PIECE.finditer(part):
            sign = piece[0]
            if sign in {"{", "}"}:
                remedy = f"write {sign * 2} for the sign itself{beside_sign}"
                yield f"a single {sign} has no partner; {remedy}"
            elif piece[1] is not None and piece[1] not in names:
                yield _unknown(piece[1], names, known)


def _unknown(name: str, names: Sequence[str], known: str) -> str:
    close = suggest(name, names)
    hint = f"did you mean {{{close}}}? " if close else ""
    return f"unknown placeholder {{{printable(name[:50])}}}; {hint}There are {known}"
