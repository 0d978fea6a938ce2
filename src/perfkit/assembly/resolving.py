"""List the places that name sinks, and resolve declared sinks to plain data."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import Factory, frozen

from perfkit.assembly.env_vars import Expansion, VariableNotSetError
from perfkit.assembly.sink_types import (
    FAN_OUT,
    MAY_HOLD_VARIABLES,
    SinkType,
    find_type,
    unknown_name,
    unknown_type,
)
from perfkit.catalog import Catalog
from perfkit.catalog.catalog import SinkDeclaration
from perfkit.catalog.problems import Problems, dotted
from perfkit.catalog.reading import POLICY, default_policy
from perfkit.catalog.routes import DEFAULT_ROUTE
from perfkit.catalog.settings import DEFAULT_SINKS
from perfkit.errors import ConfigurationError
from perfkit.model import Budget, Policy, Route, Sink
from perfkit.sinks.redaction import Interpolated, Redactor, as_plain
from perfkit.text import printable, suggest

_NO_CONDITIONS: Final = Route(sinks=())
UNNAMED: Final = ""
"""The name of the reference to sinks that no route, budget or default refers to."""


@frozen(kw_only=True)
class SinkReference:
    """A place in a catalog that refers to sinks.

    Args:
        name: The name of the route, ``"route 2"`` for a route without a name, ``"default"``,
            ``"budget NAME"``, or `UNNAMED`.
        place: The path in the catalog, such as ``"routes[1].sinks"``.
        budget: The only budget whose violations reach these sinks; None for any budget.
        source: The file of the catalog; empty for code.
        is_default: Whether these are the sinks of violations that no route matches.
    """

    name: str
    place: str
    sinks: Sequence[str | Sink]
    conditions: Route = _NO_CONDITIONS
    budget: Budget | None = None
    source: str = ""
    is_default: bool = False

    @property
    def names(self) -> Sequence[str]:
        """The names among the sinks, without repetition."""
        return tuple(dict.fromkeys(each for each in self.sinks if isinstance(each, str)))

    @property
    def full_place(self) -> str:
        """The file and the path, for messages."""
        return f"{self.source}: {self.place}" if self.source else self.place


def references_of(
    catalog: Catalog,
    sinks: Sequence[str | Sink] | None = None,
    routes: Sequence[Route] | None = None,
) -> list[SinkReference]:
    """Return every place that refers to sinks, in the order of matching, with distinct names.

    `sinks` replace those of the settings, and `routes` those of the catalog.
    """
    found: list[SinkReference] = []
    source = catalog.source
    listed = catalog.routes if routes is None else routes
    names = {route.name for route in listed if route.name}
    for at, route in enumerate(listed):
        found.append(
            SinkReference(
                name=route.name or _free(names, f"route {at + 1}", f"routes[{at}]"),
                place=dotted(("routes", at, "sinks")),
                sinks=route.sinks,
                conditions=route,
                source=source if routes is None else "",
            )
        )
    chosen = catalog.settings.sinks if sinks is None else sinks
    found.append(
        SinkReference(
            name=_free(names, DEFAULT_ROUTE, "settings.sinks"),
            place="settings.sinks" if sinks is None else "sinks",
            sinks=DEFAULT_SINKS if chosen is None else chosen,
            source=source if sinks is None else "",
            is_default=True,
        )
    )
    for budget in catalog.budgets:
        if budget.sinks is not None:
            place = dotted(("budgets", budget.name, "sinks"))
            name = _free(names, f"budget {budget.name}", place)
            found.append(
                SinkReference(
                    name=name, place=place, sinks=budget.sinks, budget=budget, source=source
                )
            )
    return found


def _free(taken: set[str], *choices: str) -> str:
    """Return the first of `choices` that is not in `taken`, and add it to `taken`."""
    # The user of ``perfkit sinks test --route`` selects by this name, so it must be unique, also
    # where a route has the name "default".
    others = (f"{choices[-1]} ({number})" for number in itertools.count(2))
    name = next(each for each in itertools.chain(choices, others) if each not in taken)
    taken.add(name)
    return name


def problems_of_sinks(
    catalog: Catalog,
    references: Sequence[SinkReference] | None = None,
    check: Callable[[str], object] | None = None,
) -> list[str]:
    """Return every problem of the sinks of a catalog and of the names in `references`.

    By default the references are those of the catalog, and the problems those that the file shows:
    unknown types, options and names, missing options, values of the wrong type, and fan-outs that
    contain themselves. Then environment variables are not read and no sink is built.

    Args:
        catalog: The catalog with the sinks.
        references: The places that name sinks.
        check: Raises `ConfigurationError` for the name of a sink that cannot be used.
    """
    check = check or SinkResolver(catalog, variables=None).resolve
    declared = [sink.name for sink in catalog.sinks]
    # The problem of a declared sink is at its table. A name without a table is reported at each
    # place that uses it.
    problems = [line for name in declared for line in _problems_of(name, check)]
    for each in references_of(catalog) if references is None else references:
        names = [name for name in each.names if name not in declared]
        problems += (
            f"{each.full_place}: {line}" for name in names for line in _problems_of(name, check)
        )
    return list(dict.fromkeys(printable(each) for each in problems))


def _problems_of(name: str, check: Callable[[str], object]) -> Sequence[str]:
    try:
        check(name)
    except ConfigurationError as error:
        return str(error).split("\n")
    return ()


@frozen(kw_only=True)
class ResolvedSink:
    """The checked and complete data of a sink that is not built.

    `options` are the arguments of its class, which may check them further; `policy` has the
    defaults of its type; `values` are those of environment variables in the options, and secret.
    """

    declared: SinkDeclaration
    type: SinkType
    options: Mapping[str, Any] = Factory(dict)
    policy: Policy
    values: frozenset[str] = frozenset()


class SinkResolver:
    """Resolves the sinks of one catalog by name.

    Args:
        catalog: The catalog with their declarations.
        variables: The environment variables; None leaves texts with ``$`` unchecked.
    """

    def __init__(self, catalog: Catalog, variables: Mapping[str, str] | None = os.environ) -> None:
        self.source = catalog.source
        self.declared = {sink.name: sink for sink in catalog.sinks}
        self._variables = variables

    def place_of(self, name: str, key: str = "") -> str:
        """Return the file, line and path of a key of a sink, for messages."""
        declared = self.declared.get(name)
        return (
            declared.place_of(key, self.source)
            if declared
            else SinkDeclaration(name=name).place_of(key)
        )

    def resolve(self, name: str) -> ResolvedSink:
        """Return the sink called `name`; the type of a sink without a table is its name.

        Raises:
            VariableNotSetError: If environment variables are not set, and all else is valid.
            ConfigurationError: Lists all problems in the order of the file, such as
                ``perfkit.toml:9: sinks.a.timeout: ...``, without the text of any option.
        """
        declared = self.declared.get(name) or SinkDeclaration(name=name)
        try:
            found = find_type(declared.type)
        except ConfigurationError as error:
            raise ConfigurationError(f"{self.place_of(name, 'type')}: {error}") from error
        if found is None:
            if name not in self.declared:
                raise ConfigurationError(unknown_name(name, self.declared))
            raise ConfigurationError(
                f"{self.place_of(name, 'type')}: {unknown_type(declared.type)}"
            )
        expansion = Expansion(self._variables)
        has_variables = "$" in str(declared.options)
        options = expansion.expand(declared.options) if has_variables else declared.options
        problems = Problems(hides_texts=True)
        arguments = self._read(found, declared.options, options, problems)
        policy = default_policy(declared.type)
        if declared.policy != Policy():
            for key, reason in declared.policy.idle_over(policy).items():
                problems.below(key).add(f"it {reason}")
            policy = declared.policy.over(policy)
        if found.name == FAN_OUT and not problems.found:
            self._check_members(name, arguments.get("sinks", ()), problems)
        self._raise(declared, problems, expansion)
        values = frozenset(expansion.values)
        return ResolvedSink(
            declared=declared, type=found, options=arguments, policy=policy, values=values
        )

    def _read(
        self,
        found: SinkType,
        written: Mapping[str, Any],
        options: Mapping[str, Any],
        problems: Problems,
    ) -> dict[str, Any]:
        # A missing option is looked up in the file: an option whose variable is not set is absent
        # from `options` and must not be reported as missing too.
        arguments = {key: each.default for key, each in found.options.items()}
        for key, field in found.options.items():
            if field.required and key not in written:
                problems.add(f"option {key} is missing; write {key} = ...")
        for key, value in options.items():
            if key not in found.options and not found.takes_any:
                problems.below(key).add(f"unknown option; {_remedy(key, found)}")
                continue
            # A value that may change when its variables are expanded is checked after that.
            read = found.options[key].read if key in found.options else None
            is_final = read and self._can_be_read(found, read, value)
            arguments[key] = read(value, problems.below(key)) if read and is_final else value
        given = {key: each for key, each in arguments.items() if key in options or each is not None}
        # Sinks of other packages may compare the type of a text; those of perfkit redact its parts.
        plain = given if found.is_ours else as_plain(given)
        return {found.arguments.get(key, key): value for key, value in plain.items()}

    def _can_be_read(self, found: SinkType, read: object, value: Any) -> bool:
        """Return whether a reader can check `value` now, without the values of variables."""
        is_open = self._variables is None and isinstance(value, str) and "$" in value
        if not found.is_ours:
            return not is_open and not isinstance(value, Interpolated)
        return not (is_open and read in MAY_HOLD_VARIABLES)

    def _check_members(self, name: str, members: Sequence[str], problems: Problems) -> None:
        below = problems.below("sinks")
        # A text with a dollar becomes the name of a sink when its variables are expanded.
        known = [each for each in members if self._variables is not None or "$" not in each]
        # The problems of a declared sink are reported once, at its table.
        for member in dict.fromkeys(each for each in known if each not in self.declared):
            for problem in _problems_of(member, self.resolve):
                below.add(problem)
        if way := self._way_back_to(name):
            below.add(f"it fans out to itself ({' -> '.join(way)}); leave one of them out")

    def _way_back_to(self, name: str) -> tuple[str, ...]:
        """Return the shortest path from a fan-out back to itself; empty if there is none."""
        # A breadth-first search, so that the message shows the fewest sinks. A cycle that does not
        # contain `name` is reported for its own members.
        ways: deque[tuple[str, ...]] = deque([(name,)])
        seen = {name}
        while ways:
            way = ways.popleft()
            for member in self._members_of(way[-1]):
                if member == name:
                    return (*way, name)
                if member in self.declared and member not in seen:
                    seen.add(member)
                    ways.append((*way, member))
        return ()

    def _members_of(self, name: str) -> Sequence[str]:
        declared = self.declared.get(name)
        if declared is None or declared.type != FAN_OUT:
            return ()
        members = Expansion(self._variables).expand(declared.options).get("sinks")
        listed = members if isinstance(members, list) else ()
        return [each for each in listed if isinstance(each, str)]

    def _raise(self, declared: SinkDeclaration, problems: Problems, expansion: Expansion) -> None:
        """Raise one exception with all problems; return if there are none."""
        found = [(str(each.path[0]) if each.path else "", each.message) for each in problems.found]
        kind = ConfigurationError if found or expansion.is_written_wrong else VariableNotSetError
        # A sink that no route reaches may lack variables, so other problems are reported alone.
        if not found or expansion.is_written_wrong:
            found += expansion.problems
        found.sort(key=lambda each: declared.find_lines().get(each[0].partition(".")[0], 0))
        if found:
            # The value of a variable may be a secret, so a message must not contain it.
            redact = Redactor(expansion.values)
            lines = (f"{self.place_of(declared.name, key)}: {redact(text)}" for key, text in found)
            raise kind("\n".join(lines))


def _remedy(key: str, found: SinkType) -> str:
    if close := suggest(key, (*found.options, *POLICY)):
        return f"did you mean {close}?"
    return f"its own options are {', '.join(found.options) or 'none'}"
