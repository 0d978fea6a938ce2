"""Plain data as strict JSON, with finite numbers, or with printable texts."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from perfkit.text import printable

_NOT_PLAIN: Final = re.compile("[^ -~]")


def as_json(record: Mapping[str, Any]) -> str:
    """Return `record` as one line of strict JSON, without its end.

    Values without a JSON form become text: numbers that are not finite are ``"Infinity"``,
    ``"-Infinity"`` and ``"NaN"``. The line is encodable in UTF-8, one line to every reader, and
    is safe on a terminal: unprintable characters are escaped, such as lone surrogates, line ends
    of Unicode, and characters that are invisible or change the direction of the text.
    """
    import json  # noqa: PLC0415 - loads when first needed

    # Values without a JSON form are rare, so the record is only copied after a first failure.
    try:
        text = json.dumps(record, ensure_ascii=False, allow_nan=False, default=str)
    except (TypeError, ValueError):
        text = json.dumps(as_finite(record), ensure_ascii=False, default=str)
    # Most lines are printable, so the substitution is an exception too.
    if text.isprintable():
        return text
    return _NOT_PLAIN.sub(
        lambda each: each[0] if each[0].isprintable() else json.dumps(each[0])[1:-1], text
    )


def as_finite(value: Any) -> Any:
    """Return plain data like `value`, with text for numbers and keys that have no JSON form."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(key): as_finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_finite(each) for each in value]
    return value


def all_printable(value: Any) -> Any:
    """Return plain data like `value`, with `printable` applied to each text and key."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {all_printable(key): all_printable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [all_printable(each) for each in value]
    return value
