"""Say which sinks there are, where one is asked for by a name or a type that is none."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Sequence

from perfkit.assembly.builtin_sinks import BUILT_IN
from perfkit.catalog.problems import quoted, shown
from perfkit.text import suggest


def unknown_type(kind: str, types: Collection[str]) -> str:
    """Return what to say of a type that is none of `types`."""
    return f"no sink is of type {quoted(kind)}; {_nearest(kind, types) or _list_of(sorted(types))}"


def unknown_name(
    name: str, declared: Collection[str], types: Collection[str], usable: Collection[str]
) -> str:
    """Return what to say of a name that no sink has.

    Args:
        name: The name.
        declared: The names of the sinks that have a table; they are told first.
        types: All types, which are names too.
        usable: Those of them that need no options, and so no table.
    """
    close = _nearest(name, declared) or _nearest(name, types)
    known = [*sorted(declared), *sorted(set(usable) - set(declared))]
    return f"no sink is called {quoted(name)}; {close or _list_of(known)}"


def built_in_without_options() -> Iterator[str]:
    """Yield the types that perfkit brings and that are usable as they are."""
    for kind, load in BUILT_IN.items():
        parameters = inspect.signature(load()).parameters.values()
        if all(each.default is not each.empty for each in parameters):
            yield kind


def _nearest(word: str, known: Collection[str]) -> str:
    close = suggest(word, known)
    return f"did you mean {quoted(close)}?" if close else ""


def _list_of(known: Sequence[str]) -> str:
    return f"there are {', '.join(map(shown, known))}"
