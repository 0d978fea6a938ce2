"""Parse one table cell of a document: one value, a target and threshold, or yes and no."""

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
class CellValue:
    """A quantity in a cell, with the words around it.

    Args:
        value: The quantity in base units.
        unit: The base unit; a count if the cell has no unit.
        unit_text: The unit as written; empty if the cell has none.
        direction: The good side, if the cell has a comparator or words for it.
        statistic: The statistic over a window, if the cell names one.
        words: The text around the quantity.
        unknown: The words of that text that have no meaning here.
    """

    value: float
    unit: Unit
    unit_text: str = ""
    direction: Direction | None = None
    statistic: Statistic | None = None
    words: str = ""
    unknown: str = ""


class UnreadableCellError(ValueError):
    """A cell does not contain a value, a pair or a statistic. The message is the reason."""


def is_empty(text: str) -> bool:
    """Return whether a cell is empty, or has a sign for that such as ``"n/a"``."""
    return text.strip().lower() in EMPTY_CELLS


def read_flag(text: str) -> bool | None:
    """Return True for yes, False for no, and None for any other text."""
    return FLAGS.get(text.strip().lower())


def read_value(text: str, usual_unit: str = "") -> CellValue:
    """Parse a cell with one quantity, such as ``"p99: 300 ms"``; a bare number has `usual_unit`."""
    # The pattern of a number backtracks, so the cost grows with the square of the length.
    if len(text) > _LONGEST_CELL:
        raise UnreadableCellError("too long for a value")
    statistic, rest = read_statistic(text.translate(_FULL_WIDTH))
    match = _NUMBER.match(rest)
    if match is None:
        raise UnreadableCellError("no value in it")
    value, tail = _read_quantity(match["number"], match["tail"], usual_unit)
    words = f"{match['head']} {tail}"
    if any(letter.isdigit() for letter in words):
        raise UnreadableCellError("more than one value in it")
    if _PARTS.search(words):
        raise UnreadableCellError("two parts, and one of them is not a value")
    direction, left = read_direction(words, match["sign"])
    unknown = unknown_words(f"{left} {' '.join(_VAGUE.findall(words))}")
    # Without a unit the number is a count, and an unknown word is probably a unit: "5 FPS".
    if unknown and not value.unit_text:
        raise UnreadableCellError(f'unknown unit "{unknown}"')
    return evolve(value, direction=direction, statistic=statistic, words=words, unknown=unknown)


def read_pair(text: str, usual_unit: str = "") -> tuple[CellValue, CellValue]:
    """Parse a cell with a target and a threshold, such as ``"100ms / 300ms"``."""
    for separator in PAIR_SEPARATORS:
        first, found, second = text.partition(separator)
        if not found:
            continue
        try:
            # The threshold first: in "100 / 300 ms" its unit is that of the target as well.
            threshold = read_value(second, usual_unit)
            target = read_value(first, threshold.unit_text or usual_unit)
        except UnreadableCellError:
            continue
        is_swapped = mentions(first, THRESHOLD_WORDS) and mentions(second, TARGET_WORDS)
        return (threshold, target) if is_swapped else (target, threshold)
    raise UnreadableCellError("not two values")


def read_statistic(text: str, *, words: bool = True) -> tuple[Statistic | None, str]:
    """Return the statistic that a text names, None for none, and the rest of the text.

    Args:
        text: Such as ``"p95 latency"``.
        words: Whether to recognize words such as ``"median"``, not only ``"p50"``.
    """
    found: set[Statistic] = set()
    for pattern in PERCENTILES:
        for match in pattern.finditer(text):
            if f"p{match[1]}" not in list(Statistic):
                raise UnreadableCellError(f"p{match[1]} is not a statistic of perfkit")
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
    """Return the good side of a text or of the `sign` beside it, and the rest of the text."""
    found = {COMPARATORS[sign]} if sign else set()
    left = plain(text)
    # The longest phrase first: "no more than" contains "more than", which is the other side.
    for phrase in sorted(COMPARING_WORDS, key=len, reverse=True):
        if f" {phrase} " in left:
            found.add(COMPARING_WORDS[phrase])
            left = left.replace(f" {phrase} ", "  ")
    if len(found) > 1:
        raise UnreadableCellError("both at most and at least in it")
    return next(iter(found), None), left


def unknown_words(text: str) -> str:
    """Return the words of `text` that have no meaning in a table of limits."""
    return " ".join(word for word in text.lower().split() if word not in _KNOWN_WORDS)


def read_unit(header: str) -> str:
    """Return the unit of a column's bare numbers, as in ``"Limit (ms)"``; empty if none."""
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


def _read_quantity(number: str, tail: str, usual_unit: str) -> tuple[CellValue, str]:
    """Parse `number` with the longest unit that starts `tail`; return the rest of `tail` too."""
    words = tail.split()
    is_attached = not tail[:1].isspace() and bool(words) and tail[0] not in _PUNCTUATION
    # The longest unit first: "MB / min" is a rate, and "MB" with a rest would be a size.
    # A word that touches the number is its unit: "2x" is not the count 2.
    for count in range(min(len(words), _LONGEST_UNIT), 0 if is_attached else -1, -1):
        written = " ".join(words[:count]).strip(_PUNCTUATION)
        if count and not written:
            continue
        unit_text = written or usual_unit
        try:
            value, unit = read_quantity(f"{number} {unit_text}")
        except UnitError:
            continue
        rest = " ".join(words[count:])
        return CellValue(value=value, unit=unit, unit_text=unit_text), rest
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
