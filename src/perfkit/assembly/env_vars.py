"""Put environment variables into the options of sinks, so that no secret stands in a catalog."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import Factory, define, frozen

from perfkit.catalog.problems import shown
from perfkit.errors import ConfigurationError
from perfkit.sinks.redaction import Interpolated

_VARIABLE: Final = re.compile(r"\$\$|\$\{([^}]*)(\}?)")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class VariableNotSetError(ConfigurationError):
    """Variables are not set, and nothing else is wrong."""


@frozen
class Expanded:
    """Options with the values of environment variables in them.

    Args:
        options: The options. Texts with such a value are `Interpolated`.
        values: What the variables hold: not to be shown to anybody.
    """

    options: dict[str, Any]
    values: frozenset[str] = frozenset()


def expand(options: Mapping[str, Any]) -> Expanded:
    """Replace ``${NAME}`` by environment variables in all texts; ``$$`` is a dollar.

    What a variable holds is not looked into again, and is not part of any message.

    Raises:
        VariableNotSetError: If a variable is not set; lists all of them.
        ConfigurationError: If something that should be one is no name; likewise.
    """
    expansion = _Expansion()
    expanded = {key: expansion.of(value, key) for key, value in options.items()}
    if expansion.problems:
        kind = ConfigurationError if expansion.is_written_wrong else VariableNotSetError
        raise kind("\n".join(expansion.problems))
    return Expanded(expanded, frozenset(expansion.values))


@define
class _Expansion:
    """Expands the options of one sink, and collects what it comes across."""

    values: set[str] = Factory(set)
    problems: list[str] = Factory(list)
    is_written_wrong: bool = False

    def of(self, value: Any, key: str) -> Any:
        if isinstance(value, str):
            return self._filled(value, key)
        if isinstance(value, Mapping):
            return {name: self.of(item, f"{key}.{name}") for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.of(item, f"{key}[{at}]") for at, item in enumerate(value)]
        return value

    def _filled(self, text: str, key: str) -> str:
        """Return `text` with its variables, where it has any."""
        parts = [part for part in self._parts_of(text, key) if part[0]]
        if any(is_value for _, is_value in parts):
            return Interpolated(parts)
        return "".join(part for part, _ in parts)

    def _parts_of(self, text: str, key: str) -> Iterator[tuple[str, bool]]:
        end = 0
        for found in _VARIABLE.finditer(text):
            yield text[end : found.start()], False
            yield ("$", False) if found[1] is None else (self._value_of(found, key), True)
            end = found.end()
        yield text[end:], False

    def _value_of(self, found: re.Match[str], key: str) -> str:
        name, end = found.groups()
        if not end or not _NAME.fullmatch(name):
            # What stands there is not shown: it may be a secret that has a dollar in it.
            self.is_written_wrong = True
            self._note(key, "after ${ there is no name of a variable and }; write ${NAME} or $${")
        elif name not in os.environ:
            self._note(key, f"the environment variable {shown(name)} is not set; set it")
        else:
            self.values.add(os.environ[name])
            return os.environ[name]
        return ""

    def _note(self, key: str, problem: str) -> None:
        self.problems.append(f"{shown(key, longest=200)}: {problem}")
