"""Interpolate environment variables into the options of sinks, as for secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import Factory, define

from perfkit.catalog.problems import shown
from perfkit.errors import ConfigurationError
from perfkit.sinks.redaction import Interpolated

_VARIABLE: Final = re.compile(r"\$\$|\$\{([^}]*)(\}?)")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class VariableNotSetError(ConfigurationError):
    """Environment variables are not set, and all else is valid."""


@define
class Expansion:
    """Replaces ``${NAME}`` by environment variables in the options of one sink.

    ``$$`` becomes a dollar. The value of a variable is not expanded again and not in any message.

    Args:
        variables: The environment variables; None leaves every text as it is.

    Attributes:
        values: The values of the variables that were used; secret.
        problems: The option and a message for each variable that is not set or not a name.
        is_written_wrong: Whether a text between the braces is not a name.
    """

    variables: Mapping[str, str] | None = None
    values: set[str] = Factory(set)
    problems: list[tuple[str, str]] = Factory(list)
    is_written_wrong: bool = False

    def expand(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return options with the values of variables; texts with one are `Interpolated`.

        Options with a problem are omitted.
        """
        if self.variables is None:
            return dict(options)
        expanded = {}
        for key, value in options.items():
            seen = len(self.problems)
            new = self._of(value, key)
            if len(self.problems) == seen:
                expanded[key] = new
        return expanded

    def _of(self, value: Any, key: str) -> Any:
        if isinstance(value, str):
            return self._filled(value, key) if "$" in value else value
        if isinstance(value, Mapping):
            return {name: self._of(item, f"{key}.{name}") for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._of(item, f"{key}[{at}]") for at, item in enumerate(value)]
        return value

    def _filled(self, text: str, key: str) -> str:
        # A plain text where no variable is used: only values of variables are redacted in reports.
        parts = [part for part in self._parts_of(text, key) if part[0]]
        if any(is_value for _, is_value in parts):
            return Interpolated(parts)
        return "".join(part for part, _ in parts)

    def _parts_of(self, text: str, key: str) -> Iterator[tuple[str, bool]]:
        end = 0
        # One pass over the text, so that a dollar in the value of a variable is not expanded.
        for found in _VARIABLE.finditer(text):
            yield text[end : found.start()], False
            yield ("$", False) if found[1] is None else (self._value_of(found, key), True)
            end = found.end()
        yield text[end:], False

    def _value_of(self, found: re.Match[str], key: str) -> str:
        assert self.variables is not None  # noqa: S101 - `expand` returns before that
        name, end = found.groups()
        if not end or not _NAME.fullmatch(name):
            # The text itself is not shown: it may be a secret with a dollar in it.
            self.is_written_wrong = True
            problem = "after ${ there is no name of a variable and }; write ${NAME} or $${"
        elif name not in self.variables:
            problem = f"the environment variable {shown(name)} is not set; set it"
        else:
            self.values.add(self.variables[name])
            return self.variables[name]
        self.problems.append((key, problem))
        return ""
