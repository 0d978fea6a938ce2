"""Read one cell of a document's table: a figure, two figures, yes or no."""

from __future__ import annotations

import re
from typing import Final

from attrs import evolve, frozen

from perfkit.catalog.bounds import COMPARATORS
from perfkit.document.vocabulary import (
    COMPARING_WORDS,
    EMPTY_CELLS,
    FILLERS,
    FLAGS,
    METRIC_HINTS,
    PAIR_SEPARATORS,
    PERCENTILES,
    STATISTIC_WORDS,
    TARGET_WORDS,
    THRESHOLD_WORDS,
    mentions,
    plain,
)
from perfkit.errors import UnitError
from perfkit.model import Direction, Statistic
from perfkit.units import Unit, read_quantity


@frozen(kw_only=True)
class Figure:
    """A quantity in a cell, with what else the cell says of it.

    Args:
        value: In base units.
        unit: The base unit; a count where none is written.
        unit_text: The unit as it is written; empty where none is.
        direction: Which side is good, if the cell says so.
        statistic: Which figure over a window, if the cell says so.
        words: What stands around the quantity.
        strange: Those of the words that mean nothing to perfkit.
    """

    value: float
    unit: Unit
    unit_text: str = ""
    direction: Direction | None = None
    statistic: Statistic | None = None
    words: str = ""
    strange: str = ""


class UnreadableCellError(ValueError):
    """A cell does not hold what its column promises. The message says why."""


def is_empty(text: str) -> bool:
    """Tell whether a cell says nothing."""
    return text.strip().lower() in EMPTY_CELLS


def read_flag(text: str) -> bool | None:
    """Return what a cell says of yes and no; None if it says something else."""
    return FLAGS.get(text.strip().lower())


def read_figure(text: str, usual_unit: str = "") -> Figure:
    """Read a cell with one quantity.

    Args:
        text: Such as ``"< 100ms latency"`` or ``"p99: 300 ms"``.
        usual_unit: The unit of a number that has none.

    Raises:
        UnreadableCellError: If it holds none, several, or one in an unknown unit.
    """
    if len(text) > _LONGEST_CELL:
        raise UnreadableCellError("too long for a figure")
    statistic, rest = read_statistic(text.translate(_FULL_WIDTH))
    match = _NUMBER.match(rest)
    if match is None:
        raise UnreadableCellError("no figure in it")
    figure, tail = _read_quantity(match["number"], match["tail"], usual_unit)
    words = f"{match['head']} {tail}"
    if any(letter.isdigit() for letter in words):
        raise UnreadableCellError("more than one figure in it")
    if _PARTS.search(words):
        raise UnreadableCellError("two parts, and one of them is no figure")
    direction, left = read_direction(words, match["sign"])
    strange = strange_words(f"{left} {' '.join(_VAGUE.findall(words))}")
    if strange and not figure.unit_text:
        raise UnreadableCellError(f'unknown unit "{strange}"')
    return evolve(figure, direction=direction, statistic=statistic, words=words, strange=strange)


def read_pair(text: str, usual_unit: str = "") -> tuple[Figure, Figure]:
    """Read a cell with a target and a threshold, such as ``"100ms / 300ms"``.

    Raises:
        UnreadableCellError: If it is anything else.
    """
    for separator in PAIR_SEPARATORS:
        first, found, second = text.partition(separator)
        if not found:
            continue
        try:
            threshold = read_figure(second, usual_unit)
            target = read_figure(first, threshold.unit_text or usual_unit)
        except UnreadableCellError:
            continue
        is_swapped = mentions(first, THRESHOLD_WORDS) and mentions(second, TARGET_WORDS)
        return (threshold, target) if is_swapped else (target, threshold)
    raise UnreadableCellError("not two figures")


def read_statistic(text: str, *, words: bool = True) -> tuple[Statistic | None, str]:
    """Take the statistic out of a text; return it with the rest.

    Args:
        text: Such as ``"p95 latency"``.
        words: Whether words count too, such as ``"median"``.

    Raises:
        UnreadableCellError: If it names one that perfkit does not have, or two.
    """
    found: set[Statistic] = set()
    for pattern in PERCENTILES:
        for match in pattern.finditer(text):
            if f"p{match[1]}" not in list(Statistic):
                raise UnreadableCellError(f"p{match[1]} is no statistic of perfkit's")
            found.add(Statistic(f"p{match[1]}"))
        text = pattern.sub(" ", text)
    for word, statistic in STATISTIC_WORDS.items() if words else ():
        if mentions(text, (word,)):
            found.add(statistic)
            text = re.sub(rf"\b{word}\b", " ", text, flags=re.IGNORECASE)
    if len(found) > 1:
        raise UnreadableCellError(f"two statistics in it, {' and '.join(sorted(found))}")
    return next(iter(found), None), " ".join(text.split())


def read_direction(text: str, sign: str | None = None) -> tuple[Direction | None, str]:
    """Take the words that say which side is good out of a text; return it with the rest.

    Args:
        text: Such as ``"or less"``.
        sign: A comparator that stood beside it.

    Raises:
        UnreadableCellError: If it says both sides.
    """
    found = {COMPARATORS[sign]} if sign else set()
    left = plain(text)
    for phrase in sorted(COMPARING_WORDS, key=len, reverse=True):
        if f" {phrase} " in left:
            found.add(COMPARING_WORDS[phrase])
            left = left.replace(f" {phrase} ", "  ")
    if len(found) > 1:
        raise UnreadableCellError("it says both at most and at least")
    return next(iter(found), None), left


def strange_words(text: str) -> str:
    """Return the words of `text` that mean nothing to perfkit."""
    return " ".join(word for word in text.lower().split() if word not in _KNOWN_WORDS)


def read_unit(header: str) -> str:
    """Return the unit that a column's header gives for its bare numbers; empty if none.

    >>> read_unit("Limit (ms)"), read_unit("Target TPS"), read_unit("Plan B")
    ('ms', 'TPS', '')
    """
    in_brackets = ",".join(_IN_BRACKETS.findall(header)).split(",")
    last = header.replace(",", " ").split()[-1:]
    for text in (*in_brackets, *(word for word in last if len(word) > 1 or word == "%")):
        unit = text.strip().removeprefix("in ")
        try:
            if unit and read_quantity(f"1 {unit}")[1] is not Unit.COUNT:
                return unit
        except UnitError:
            continue
    return ""


def _read_quantity(number: str, tail: str, usual_unit: str) -> tuple[Figure, str]:
    """Read the number with as much of `tail` as makes a unit; return the rest of it too."""
    words = tail.split()
    is_attached = not tail[:1].isspace() and bool(words) and tail[0] not in _PUNCTUATION
    for count in range(min(len(words), _LONGEST_UNIT), 0 if is_attached else -1, -1):
        written = " ".join(words[:count]).strip(_PUNCTUATION)
        if count and not written:
            continue
        unit_text = written or usual_unit
        try:
            value, unit = read_quantity(f"{number} {unit_text}")
        except UnitError:
            continue
        figure = Figure(value=value, unit=unit, unit_text=unit_text)
        return figure, " ".join(words[count:])
    raise UnreadableCellError(f'unknown unit "{" ".join(words[:1])}"')


_LONGEST_CELL: Final = 200
_LONGEST_UNIT: Final = 4
_PUNCTUATION: Final = ".,;:()[]"
_SIGNS: Final = "|".join(sorted(COMPARATORS, key=len, reverse=True))
_NUMBER: Final = re.compile(
    rf"(?P<head>.*?)(?P<sign>{_SIGNS})?\s*"
    r"(?<![\w.,])(?P<number>[+-]?(?:\d[\d_]*(?:,\d{3})*(?:\.\d+)?|\.\d+)(?!\d)"
    r"(?:[eE][+-]?\d{1,2}\b)?)"
    r"(?P<tail>.*)"
)
_PARTS: Final = re.compile(r"[/|;\u2192]")
_VAGUE: Final = re.compile(r"[~\u2248\u00b1]")
_FULL_WIDTH: Final = {0xFF01 + offset: 0x21 + offset for offset in range(94)}
_IN_BRACKETS: Final = re.compile(r"[(\[]([^)\]]*)[)\]]")
_KNOWN_WORDS: Final = frozenset(
    word
    for phrase in (
        *FILLERS,
        *TARGET_WORDS,
        *THRESHOLD_WORDS,
        *(text for hints in METRIC_HINTS.values() for hint in hints for text in hint.words),
    )
    for word in phrase.split()
)
