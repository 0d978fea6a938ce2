"""Hold the table of a sink against what makes it, before Python complains of what is wrong."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from attrs import frozen

from perfkit.assembly.option_types import what_is_wrong
from perfkit.assembly.policies import usual_policy
from perfkit.catalog.catalog import SinkDeclaration
from perfkit.catalog.problems import shown
from perfkit.catalog.sinks import POLICY_KEYS
from perfkit.errors import ConfigurationError
from perfkit.text import suggest


def check_options(
    make: Callable[..., object], options: Mapping[str, Any], *, with_types: bool
) -> None:
    """Check which options there are. Messages name options, and hold none of their texts.

    Args:
        make: What takes the options by name.
        options: The options, as they stand in the table.
        with_types: Whether the sink is one that perfkit brings, so that all annotations are known.
            Of others, only the plain ones are looked at: text, numbers, true and false.

    Raises:
        ConfigurationError: Lists every option that is unknown, missing, of the wrong type, or
            cannot be read.
    """
    problems = _problems_of(make, options, of_ours=with_types)
    if problems:
        raise ConfigurationError("\n".join(each.alone for each in problems))


def check_declared(
    make: Callable[..., object], declared: SinkDeclaration, source: str, *, with_types: bool
) -> None:
    """Check the options of a sink as `check_options` does, and what its policy says as well.

    Args:
        make: What takes the options by name.
        declared: What the catalog says of the sink.
        source: The file that says it; empty if that was code.
        with_types: As for `check_options`.

    Raises:
        ConfigurationError: Lists all that is wrong in the order of the file, each with its place,
            such as ``perfkit.toml:9: sinks.a.timeout: ...``.
    """
    problems = [
        *_problems_of(make, declared.options, of_ours=with_types),
        *_idle(declared),
    ]
    problems.sort(key=lambda each: declared.lines.get(each.key, 0))
    if problems:
        raise ConfigurationError(
            "\n".join(f"{declared.place_of(each.key, source)}: {each.what}" for each in problems)
        )


@frozen
class _Problem:
    """One thing that is wrong with the table of a sink.

    Args:
        key: Where it stands; empty for the table.
        what: What is wrong, where its place stands before it.
        alone: The same, where only the sink is told.
    """

    key: str
    what: str
    alone: str


def _problems_of(
    make: Callable[..., object], options: Mapping[str, Any], *, of_ours: bool
) -> list[_Problem]:
    try:
        parameters = inspect.signature(make).parameters.values()
    except (TypeError, ValueError):  # a callable of C may not tell
        return []
    known = {each.name: each for each in parameters if each.kind in _BY_NAME}
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters)
    return [
        *([] if takes_any else _unknown(known, options)),
        *_missing(known, options),
        *_of_wrong_type(known, options, of_ours=of_ours),
    ]


def _unknown(
    known: Mapping[str, inspect.Parameter], options: Mapping[str, Any]
) -> Iterator[_Problem]:
    for key in options:
        if key not in known:
            close = suggest(key, (*known, *POLICY_KEYS))
            there_are = ", ".join(known) or "none"
            remedy = f"did you mean {close}?" if close else f"its own options are {there_are}"
            yield _Problem(
                key, f"unknown option; {remedy}", f"unknown option {shown(key)}; {remedy}"
            )


def _missing(
    known: Mapping[str, inspect.Parameter], options: Mapping[str, Any]
) -> Iterator[_Problem]:
    for name, parameter in known.items():
        if parameter.default is parameter.empty and name not in options:
            what = f"option {name} is missing; write {name} = ..."
            yield _Problem("", what, what)


def _of_wrong_type(
    known: Mapping[str, inspect.Parameter], options: Mapping[str, Any], *, of_ours: bool
) -> Iterator[_Problem]:
    for key, value in options.items():
        annotation = known[key].annotation if key in known else ""
        what = what_is_wrong(annotation, value, of_ours=of_ours)
        if what:
            is_about_it = what.startswith("it ")
            alone = f" {what.removeprefix('it ')}" if is_about_it else f": {what}"
            yield _Problem(key, what, f"option {key}{alone}")


def _idle(declared: SinkDeclaration) -> Iterator[_Problem]:
    idle = declared.policy.idle_over(usual_policy(declared.type))
    for key, why in idle.items():
        yield _Problem(key, f"it {why}", f"{key} {why}")


_BY_NAME: Final = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
