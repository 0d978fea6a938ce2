"""What an option of a sink may be, by how it is annotated in what makes the sink."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from perfkit.catalog.problems import what_it_is
from perfkit.catalog.quantities import why_unreadable
from perfkit.errors import UnitError
from perfkit.units import Unit, parse_quantity

Seconds: TypeAlias = str
"""A time in a table, such as ``"10s"``; above zero."""

Bytes: TypeAlias = str
"""A size in a table, such as ``"50MB"``; at least one byte."""

Count: TypeAlias = int
"""A whole number of at least 1."""

LogForm: TypeAlias = str
"""How a log writes its lines."""

_Check: TypeAlias = Callable[[Any], str]
"""Returns what is wrong with a value, as a sentence that shows no text of it; else nothing."""


def what_is_wrong(annotation: object, value: Any, *, of_ours: bool) -> str:
    """Return what is wrong with the value of an option, as a sentence; empty if nothing is.

    Texts are not shown, as they may be secret. What a variable holds cannot be known here.

    Args:
        annotation: That of the parameter which takes it; may be a text.
        value: As it stands in the table.
        of_ours: Whether the sink is one that perfkit brings. Of others, only plain types are
            looked at, and a text with a variable in it is left to the sink.
    """
    if not of_ours and isinstance(value, str) and "$" in value:
        return ""
    check = (_OURS if of_ours else _PLAIN).get(_name_of(annotation))
    return check(value) if check else ""


def read_option(value: str, unit: Unit) -> float:
    """Read a quantity that a table holds, without variables in it.

    Raises:
        UnitError: If it cannot be read, or is zero or less. It does not say what was written.
    """
    problem = _wrong_quantity(value, unit)
    if problem:
        raise UnitError(problem)
    return parse_quantity(value, unit)


def _name_of(annotation: object) -> str:
    """Write a type as in code, without what says that it may be left out."""
    if isinstance(annotation, type):
        return annotation.__name__ if annotation.__module__ == "builtins" else ""
    written = str(annotation).strip("'\"").removeprefix("typing.")
    if written.startswith("Optional[") and written.endswith("]"):
        written = written.removeprefix("Optional[")[:-1]
    return written.removesuffix(" | None").removeprefix("None | ")


def _wrong_text(value: Any) -> str:
    return "" if isinstance(value, str) else "it is no text; write it in quotes"


def _wrong_whole(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return ""
    return "it is no whole number; write one, without quotes"


def _wrong_count(value: Any) -> str:
    is_low = not _wrong_whole(value) and value < 1
    return f"{value} is not at least 1; write 1 or more" if is_low else _wrong_whole(value)


def _wrong_number(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return ""
    return "it is no number; write one, without quotes"


def _wrong_flag(value: Any) -> str:
    if isinstance(value, bool):
        return ""
    return "it is neither true nor false; write one of them, without quotes"


def _wrong_texts(value: Any) -> str:
    are_texts = isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)
    return "" if are_texts else 'it is no list of texts; write ["..."]'


def _wrong_table(value: Any) -> str:
    if isinstance(value, Mapping) and all(isinstance(each, str) for each in value.values()):
        return ""
    return 'it is no table of texts; write { name = "..." }'


def _wrong_quantity(value: Any, unit: Unit) -> str:
    least = 1.0 if unit is Unit.BYTES else 0.0
    try:
        number = parse_quantity(value, unit) if isinstance(value, str) else math.nan
    except UnitError:
        number = math.nan
    if math.isnan(number):
        return why_unreadable(value, unit, what_it_is(value))
    if number < least or not 0 < number < math.inf:
        return f"it is not above zero; write {_EXAMPLES[unit]}"
    return ""


def _quantity_of(unit: Unit) -> _Check:
    def check(value: Any) -> str:
        has_variable = isinstance(value, str) and "$" in value
        return "" if has_variable else _wrong_quantity(value, unit)

    return check


def _wrong_form(value: Any) -> str:
    from perfkit.sinks.builtin.log import FORMS  # noqa: PLC0415 - loads with the sink itself

    if isinstance(value, str) and (value in FORMS or "$" in value):
        return ""
    forms = " or ".join(f'"{each}"' for each in FORMS)
    return f"it is no form of a log; write {forms}"


_EXAMPLES: Final = {Unit.SECONDS: '"10s"', Unit.BYTES: '"50MB"'}
_PLAIN: Final[Mapping[str, _Check]] = {
    "str": _wrong_text,
    "int": _wrong_whole,
    "float": _wrong_number,
    "bool": _wrong_flag,
}
_OURS: Final[Mapping[str, _Check]] = {
    **_PLAIN,
    "str | bytes": _wrong_text,
    "str | os.PathLike[str]": _wrong_text,
    "Sequence[str]": _wrong_texts,
    "Mapping[str, str]": _wrong_table,
    "Count": _wrong_count,
    "Seconds": _quantity_of(Unit.SECONDS),
    "Bytes": _quantity_of(Unit.BYTES),
    "LogForm": _wrong_form,
}
