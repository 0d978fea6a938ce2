"""Find a text that several globs match."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Final, TypeAlias

_ANYTHING: Final = "test"
_LETTERS: Final = "testxabcdfghijklmnopqruvwyz0123456789_-. "
_OTHERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~"
_MORE: Final = "x_0X \u00e9"
"""Tried beside the letters of the globs, for classes of letters that leave out what they name."""
_MOST_LOOKED_AT: Final = 2000
_LONGEST: Final = 200
"""Bounds of a search: how many beginnings of texts, and of globs how long in all."""

_Places: TypeAlias = frozenset[int]
"""How far into a glob a text may have come."""


def text_matching(globs: Sequence[str], usual: str) -> str | None:
    """Return a text that all of `globs` match; `usual` if they match that.

    Args:
        globs: As `fnmatch` understands them.
        usual: What to return where nothing speaks against it.

    Returns:
        None where there is none, or none that can be found.

    >>> text_matching(["data*", "*base"], "test")
    'database'
    """
    for text in (usual, *map(_example_of, globs)):
        if all(fnmatchcase(text, glob) for glob in globs):
            return text
    return _shortest(globs)


def _example_of(glob: str) -> str:
    """Return a text that a glob by itself matches, and that a person can read."""
    return "".join(_ANYTHING if part == "*" else _character_of(part) for part in _parts_of(glob))


def _character_of(part: str) -> str:
    return next((each for each in (*part, *_LETTERS, *_OTHERS) if fnmatchcase(each, part)), "")


def _parts_of(glob: str) -> Iterator[str]:
    """Yield what stands for one character each, and each star."""
    at = 0
    while at < len(glob):
        end = at + 1
        if glob[at] == "[":  # the first character in it may be a bracket that does not close
            end = glob.find("]", at + (3 if glob[end : end + 1] == "!" else 2)) + 1 or end
        yield glob[at:end]
        at = end


def _shortest(globs: Sequence[str]) -> str | None:
    """Walk through all globs at once, a character at a time, until all have come to their ends."""
    if sum(map(len, globs)) > _LONGEST:
        return None
    parts = [tuple(_parts_of(glob)) for glob in globs]
    fitting = (_character_of(part) for each in parts for part in each)
    letters = dict.fromkeys((*_MORE, *"".join(globs), *filter(None, fitting)))
    start = tuple(_past_stars(each, {0}) for each in parts)
    seen, queue = {start}, deque([(start, "")])
    while queue and len(seen) < _MOST_LOOKED_AT:
        states, text = queue.popleft()
        if all(len(each) in places for each, places in zip(parts, states, strict=True)):
            return text
        for letter in letters:
            after = tuple(map(_after, parts, states, [letter] * len(parts)))
            if all(after) and after not in seen:
                seen.add(after)
                queue.append((after, text + letter))
    return None


def _after(parts: Sequence[str], places: _Places, letter: str) -> _Places:
    """Return how far one more letter may bring a text."""
    found = {place for place in places if place < len(parts) and parts[place] == "*"}
    for place in places - found:
        if place < len(parts) and fnmatchcase(letter, parts[place]):
            found.add(place + 1)
    return _past_stars(parts, found)


def _past_stars(parts: Sequence[str], places: set[int]) -> _Places:
    """Add the places that a star lets be reached without a letter."""
    for place in sorted(places):
        at = place
        while at < len(parts) and parts[at] == "*":
            at += 1
            places.add(at)
    return frozenset(places)
