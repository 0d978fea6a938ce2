"""The data of a catalog: budgets, settings, routes and sink declarations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from attrs import Factory, field, frozen

from perfkit.errors import CatalogError
from perfkit.model import Budget, Policy, Route
from perfkit.text import suggest


@frozen(kw_only=True)
class SinkDeclaration:
    """A sink as a catalog file declares it, not built yet.

    Args:
        name: The name by which routes and budgets refer to it.
        type: The name of a built-in sink, or of an entry point in the group ``perfkit.sinks``; by
            default the sink's own name.
        options: Keyword arguments of the sink, none of them called ``type``. They may contain
            secrets, so they are excluded from the repr.
        policy: The policy of the delivery: filters, limits and retries before the sink.
        find_lines: Returns the line of the file, from 1, of each key of the table; the table itself
            has the key ``""``. Empty for a declaration made in code.

    Raises:
        CatalogError: If an option is called ``type``.
    """

    name: str
    type: str = Factory(lambda self: self.name, takes_self=True)
    options: Mapping[str, Any] = field(factory=dict, repr=False)
    policy: Policy = Factory(Policy)
    find_lines: Callable[[], Mapping[str, int]] = field(default=dict, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if "type" in self.options:
            raise CatalogError([f"sink {self.name} has an option called type; rename it"])

    def place_of(self, key: str = "", source: str = "") -> str:
        """Return the place of a key of its table, such as ``perfkit.toml:9: sinks.a.timeout``."""
        from perfkit.catalog.problems import dotted, quoted, shown  # noqa: PLC0415 - for messages only

        if not source:
            name = f"sink {quoted(self.name)}"
            return f"{name}: {shown(key)}" if key else name
        # Lines are recorded for the keys of the table only, so "headers.x" has that of "headers".
        own = key.partition(".")[0].partition("[")[0]
        lines = self.find_lines()
        line = lines.get(own, lines.get("", 0))
        file = shown(source, longest=500)
        path = dotted(("sinks", self.name, key) if key else ("sinks", self.name))
        return f"{file}:{line}: {path}" if line else f"{file}: {path}"


@frozen(kw_only=True)
class CatalogSettings:
    """The ``[settings]`` table of a catalog; None for a setting that it does not contain.

    The settings are those of `perfkit.configure`; `category_spans` is `spans` by category.
    Intervals are in seconds, `evidence_interval` from 0 and `monitor_interval` above 0;
    `max_overhead` is a ratio above 0, at most 1.
    """

    spans: str | None = None
    category_spans: Mapping[str, str] = Factory(dict)
    unknown_budgets: str | None = None
    sinks: tuple[str, ...] | None = None
    enabled: bool | None = None
    evidence_interval: float | None = None
    max_overhead: float | None = None
    monitor: bool | tuple[str, ...] | None = None
    monitor_interval: float | None = None
    routing: str | None = None
    delivery: str | None = None
    environment: str | None = None


@frozen(kw_only=True)
class Catalog:
    """The budgets of an application, by name. Immutable; safe to share between threads.

    Args:
        budgets: The budgets; their names are unique.
        settings: The settings of the file.
        routes: Routes in order; by default the first that matches a violation applies.
        sinks: The sinks that the file declares.
        source: The path of the file, for messages; empty for a catalog made in code.

    Raises:
        CatalogError: If two budgets or two sinks have the same name.
    """

    budgets: tuple[Budget, ...] = field(default=(), converter=tuple[Budget, ...])
    settings: CatalogSettings = Factory(CatalogSettings)
    routes: tuple[Route, ...] = ()
    sinks: tuple[SinkDeclaration, ...] = ()
    source: str = ""
    _by_name: Mapping[str, Budget] = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        problems = [
            f"two {kind} are called {name}; rename one of them"
            for kind, named in (("budgets", self.budgets), ("sinks", self.sinks))
            for name, count in Counter(each.name for each in named).items()
            if count > 1
        ]
        if problems:
            raise CatalogError(problems)
        # The class is frozen, so this index is set once, before any other thread has the object.
        object.__setattr__(self, "_by_name", {budget.name: budget for budget in self.budgets})

    def get(self, name: str) -> Budget | None:
        """Return the budget called `name`, or None."""
        return self._by_name.get(name)

    def nearest(self, name: str) -> str | None:
        """Return the budget name closest to `name`, for "did you mean"; None if none is close."""
        return suggest(name, self._by_name)
