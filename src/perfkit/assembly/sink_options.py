"""Hold the options of a sink against what makes it, before Python complains of a wrong one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from perfkit.catalog.problems import shown
from perfkit.errors import ConfigurationError


def check_options(
    make: Callable[..., object], options: Mapping[str, Any], *, with_types: bool
) -> None:
    """Check which options there are. Messages name options, and hold none of their values.

    Args:
        make: What takes the options by name.
        options: The options.
        with_types: Whether to hold them against annotations too, those that a table can hold.

    Raises:
        ConfigurationError: Lists every option that is unknown, missing, or of the wrong type.
    """
    try:
        parameters = inspect.signature(make).parameters
    except (TypeError, ValueError):  # a callable of C may not tell
        return
    problems = [*_unknown(parameters, options), *_missing(parameters, options)]
    if with_types:
        problems += _of_wrong_type(parameters, options)
    if problems:
        raise ConfigurationError("\n".join(problems))


def _unknown(
    parameters: Mapping[str, inspect.Parameter], options: Mapping[str, Any]
) -> Iterator[str]:
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return
    known = [each.name for each in parameters.values() if each.kind in _BY_NAME]
    for key in options:
        if key not in known:
            close = get_close_matches(key, known, n=1)
            there_are = ", ".join(known) or "none"
            remedy = f"did you mean {close[0]}?" if close else f"its own options are {there_are}"
            yield f"unknown option {shown(key)}; {remedy}"


def _missing(
    parameters: Mapping[str, inspect.Parameter], options: Mapping[str, Any]
) -> Iterator[str]:
    for name, parameter in parameters.items():
        is_needed = parameter.default is parameter.empty and parameter.kind in _BY_NAME
        if is_needed and name not in options:
            yield f"option {name} is missing; write {name} = ..."


def _of_wrong_type(
    parameters: Mapping[str, inspect.Parameter], options: Mapping[str, Any]
) -> Iterator[str]:
    for key, value in options.items():
        written = str(parameters[key].annotation) if key in parameters else ""
        is_right, remedy = _TYPES.get(written.removesuffix(" | None"), _ANY)
        if not is_right(value):
            yield f"option {key} is {remedy}"


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_text, value))


def _is_table_of_texts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(map(_is_text, value.values()))


_BY_NAME: Final = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
_ANY: Final = (lambda _: True, "")
_TEXT: Final = (_is_text, "no text; write it in quotes")
_TYPES: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "str": _TEXT,
    "str | bytes": _TEXT,
    "str | os.PathLike[str]": _TEXT,
    "int": (_is_whole, "no whole number; write one, without quotes"),
    "bool": (_is_flag, "neither true nor false; write one of them, without quotes"),
    "Sequence[str]": (_are_texts, 'no list of texts; write ["..."]'),
    "Mapping[str, str]": (_is_table_of_texts, 'no table of texts; write { name = "..." }'),
}
"""What an option may be, by how that is annotated in what makes the sinks that perfkit brings."""
