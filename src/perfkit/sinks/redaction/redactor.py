"""Keep secrets out of what people read, also where somebody quotes them in another form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property
from typing import Any, Final, Self

from perfkit.model.record import units_of

SHORTEST: Final = 3
"""Values of fewer characters are no secrets: masking them would garble whatever has them in it."""
_SHORTEST_IN_BASE64: Final = 5
_RUNS: Final = re.compile(r"[A-Za-z0-9]+|\\+|.", re.DOTALL)


class Interpolated(str):
    """A text with values of variables in it, which knows where they are. Immutable.

    Args:
        parts: The texts that it is made of, and of each whether it is the value of a variable.
    """

    __slots__ = ("parts",)

    parts: tuple[tuple[str, bool], ...]

    def __new__(cls, parts: Iterable[tuple[str, bool]]) -> Self:
        """Join the parts."""
        kept = tuple(parts)
        filled = super().__new__(cls, "".join(text for text, _ in kept))
        filled.parts = kept
        return filled

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self.parts,)


def parts_of(text: str) -> tuple[tuple[str, bool], ...]:
    """Return what a text is made of: see `Interpolated`."""
    return text.parts if isinstance(text, Interpolated) else ((text, False),)


def values_in(thing: Any) -> frozenset[str]:
    """Return the values of variables in all texts of `thing`, however deep they are."""
    return frozenset(_values_in(thing))


def as_plain(thing: Any) -> Any:
    """Return `thing` with ordinary texts, for code that knows nothing of others."""
    if isinstance(thing, Interpolated):
        return str(thing)
    if isinstance(thing, Mapping):
        return {key: as_plain(each) for key, each in thing.items()}
    if isinstance(thing, list | tuple):
        return [as_plain(each) for each in thing]
    return thing


def _values_in(thing: Any) -> Iterator[str]:
    if isinstance(thing, str):
        yield from (text for text, is_value in parts_of(thing) if is_value)
    elif isinstance(thing, Mapping | list | tuple):
        for each in thing.values() if isinstance(thing, Mapping) else thing:
            yield from _values_in(each)


class Redactor:
    """Puts ``***`` in the place of secrets. Immutable; safe from any thread.

    They are found as they are, and as JSON (twice, too), `repr`, URLs, HTML and base64 write them,
    also where only some of their characters are escaped.

    Args:
        values: The secrets. Those shorter than `SHORTEST` are left alone.
        heeds_short: Masks those too, where neither letters nor digits are beside them.
    """

    def __init__(self, values: Iterable[str], *, heeds_short: bool = False) -> None:
        shortest = 1 if heeds_short else SHORTEST
        bare = {form for value in values for form in (value, value.strip())}
        self._values = frozenset(value for value in bare if len(value) >= shortest)

    def __bool__(self) -> bool:
        """Tell whether there is anything to mask."""
        return bool(self._values)

    def __call__(self, text: str) -> str:
        """Return `text` without the secrets."""
        return self._pattern.sub("***", text) if self._values else text

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """Find any form of any secret. Made when something is first masked: that is seldom."""
        longest_first = sorted(self._values, key=len, reverse=True)
        forms = [_alone_if_short(value) for value in longest_first]
        encoded = {form for value in longest_first for form in _in_base64(value)}
        forms += [f"{_written(form)}={{0,2}}" for form in sorted(encoded, key=len, reverse=True)]
        return re.compile("|".join(forms))


def _alone_if_short(value: str) -> str:
    if len(value) >= SHORTEST:
        return _written(value)
    return f"(?<![A-Za-z0-9])(?:{_written(value)})(?![A-Za-z0-9])"


def _written(value: str) -> str:
    """Return a pattern of all ways to write a text: letters and digits have one, others many."""
    runs = _RUNS.findall(value)
    return "".join(run if run.isascii() and run.isalnum() else _escaped(run) for run in runs)


@cache
def _escaped(run: str) -> str:
    """Return a pattern of all ways to write one character, or several backslashes."""
    ways = "|".join(_ways_of(run[0]))
    if run[0] != "\\":
        return f"(?:{ways})"
    return rf"(?:\\{{{len(run)},{len(run) * 8}}}|(?:{ways}){{{len(run)}}})"


def _ways_of(character: str) -> Iterator[str]:
    code, encoded = ord(character), character.encode("utf-8", "surrogatepass")
    names = "".join(f"|{name}" for name in _html_names().get(character, ()))
    if character != "\\":
        yield rf"\\{{0,8}}{re.escape(character)}"
    yield "(?i:" + "".join(rf"\\{{1,8}}u{unit:04x}" for unit in units_of(character)) + ")"
    yield rf"(?i:\\{{1,8}}U{code:08x})"
    yield "(?i:" + "".join(f"%(?:25){{0,2}}{byte:02x}" for byte in encoded) + ")"
    yield f"(?i:&(?:amp;){{0,2}}(?:#0*{code}|#x0*{code:x}{names});)"
    if code <= 0xFF:  # noqa: PLR2004 - Latin-1
        yield rf"(?i:\\{{1,8}}x{code:02x})"
    if code > 0x7F:  # noqa: PLR2004 - beyond ASCII: what reads it as another encoding sees these
        yield "\ufffd{1,4}"
        yield re.escape(encoded.decode("latin-1"))
    if character in _AS_LETTERS:
        yield rf"\\{{1,8}}{_AS_LETTERS[character]}"
    if character == " ":
        yield r"\+"


@cache
def _html_names() -> Mapping[str, tuple[str, ...]]:
    """Return the names that HTML has for a character."""
    from html.entities import html5  # noqa: PLC0415 - when something is first masked

    names: dict[str, tuple[str, ...]] = {}
    for name, character in html5.items():
        if name.endswith(";"):
            names[character] = (*names.get(character, ()), name[:-1])
    return names


def _in_base64(value: str) -> Iterator[str]:
    """Yield what of base64 tells of a value, whatever stands before and after it."""
    import base64  # noqa: PLC0415 - likewise

    encoded = value.encode("utf-8", "surrogatepass")
    for before in range(3):
        whole = base64.b64encode(bytes(before) + encoded).decode("ascii").rstrip("=")
        core = whole[(0, 2, 3)[before] :]
        # The last character holds some of what follows, too, unless all of it is of the value.
        for text in {core, core[:-1] if (before + len(encoded)) % 3 else core}:
            if len(text) >= _SHORTEST_IN_BASE64:
                yield text
                yield text.replace("+", "-").replace("/", "_")


_AS_LETTERS: Final = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
