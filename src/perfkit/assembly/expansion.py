"""Put environment variables into the options of sinks, so that no secret stands in a catalog."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from attrs import Factory, define, frozen

from perfkit.catalog.problems import shown
from perfkit.errors import ConfigurationError

_VARIABLE: Final = re.compile(r"\$\$|\$\{([^}]*)(\}?)")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHORTEST_SECRET: Final = 3


@frozen
class Expanded:
    """Options with the values of environment variables in them.

    Args:
        options: The options.
        values: What the variables hold: not to be shown to anybody.
    """

    options: dict[str, Any]
    values: frozenset[str] = frozenset()


def expand(options: Mapping[str, Any]) -> Expanded:
    """Replace ``${NAME}`` by environment variables in all texts; ``$$`` is a dollar.

    What a variable holds is not looked into again, and is not part of any message.

    Raises:
        ConfigurationError: If a variable is not set, or no name of one; lists all of them.
    """
    expansion = _Expansion()
    expanded = {key: expansion.of(value, key) for key, value in options.items()}
    if expansion.problems:
        raise ConfigurationError("; ".join(expansion.problems))
    return Expanded(expanded, frozenset(expansion.values))


def mask(text: str, values: Iterable[str]) -> str:
    """Return `text` without `values`, as they are and as `repr` writes them."""
    secrets = {form for value in values for form in (value, repr(value)[1:-1])}
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return text


@define
class _Expansion:
    """Expands the options of one sink, and collects what it comes across."""

    values: set[str] = Factory(set)
    problems: list[str] = Factory(list)

    def of(self, value: Any, key: str) -> Any:
        if isinstance(value, str):
            return _VARIABLE.sub(lambda found: self._value_of(found, key), value)
        if isinstance(value, Mapping):
            return {name: self.of(item, f"{key}.{name}") for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.of(item, f"{key}[{at}]") for at, item in enumerate(value)]
        return value

    def _value_of(self, found: re.Match[str], key: str) -> str:
        name, end = found.groups()
        if name is None:
            return "$"
        if not end or not _NAME.fullmatch(name):
            # What stands there is not shown: it may be a secret that has a dollar in it.
            self._note(key, "after ${ there is no name of a variable and }; write ${NAME} or $${")
        elif name not in os.environ:
            self._note(key, f"the environment variable {shown(name)} is not set; set it")
        else:
            self.values.add(os.environ[name])
            return os.environ[name]
        return ""

    def _note(self, key: str, problem: str) -> None:
        self.problems.append(f"{shown(key, longest=200)}: {problem}")
