"""Which sinks there are by name, and the router between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

from perfkit.catalog import Catalog
from perfkit.errors import ConfigurationError
from perfkit.instruments.request import as_sink
from perfkit.model import Sink
from perfkit.otel.telemetry import Telemetry
from perfkit.sinks import EvidenceFilesSink, JsonLinesSink, LogSink, RaiseSink, Router

if TYPE_CHECKING:
    from perfkit.instruments.request import SinkChoice

ENTRY_POINTS: Final = "perfkit.sinks"


def make_router(catalog: Catalog, chosen: Sequence[SinkChoice], shelf: SinkShelf) -> Router:
    """Build the router, with every sink that the catalog names; report all unknown ones at once."""
    names = {name for route in catalog.routes for name in route.sinks}
    names |= {name for budget in catalog.budgets for name in budget.sinks or ()}
    default = [as_sink(sink) for sink in chosen]
    names |= {sink for sink in default if isinstance(sink, str)}
    by_name, problems = {}, []
    for name in sorted(names):
        try:
            by_name[name] = shelf.find(name)
        except ConfigurationError as error:
            problems.append(str(error))
    if problems:
        raise ConfigurationError("\n".join(problems))
    return Router(
        by_name=by_name,
        default=tuple(by_name[sink] if isinstance(sink, str) else sink for sink in default),
        routes=catalog.routes,
    )


class SinkShelf:
    """Finds a sink by its name: declared in the catalog, built in, or brought by another package.

    Each name gives one sink, made when it is first asked for.

    Args:
        catalog: Whose ``[sinks.NAME]`` tables count.
        telemetry: Where the sink ``otel`` reports to.
    """

    def __init__(self, catalog: Catalog, telemetry: Telemetry) -> None:
        self._source = catalog.source
        self._declared = {sink.name: sink for sink in catalog.sinks}
        self._telemetry = telemetry
        self._made: dict[str, Sink] = {}

    def find(self, name: str) -> Sink:
        """Return the sink called `name`.

        Raises:
            ConfigurationError: If there is none, or it cannot be made from its options.
        """
        if name not in self._made:
            declared = self._declared.get(name)
            kind = declared.type if declared else name
            self._made[name] = self._make(name, kind, declared.options if declared else {})
        return self._made[name]

    def _make(self, name: str, kind: str, options: Mapping[str, Any]) -> Sink:
        make = self._factories().get(kind) or _plugged_in(kind)
        if make is None:
            known = ", ".join(sorted({*self._factories(), *self._declared}))
            raise ConfigurationError(f"no sink is called {name!r}; there are {known}")
        try:
            return make(**options)
        except Exception as error:
            place = f"{self._source}: sinks.{name}" if self._source else f"sink {name!r}"
            raise ConfigurationError(f"{place}: {error}") from error

    def _factories(self) -> dict[str, Callable[..., Sink]]:
        return {
            "log": LogSink,
            "raise": RaiseSink,
            "jsonl": _jsonl,
            "evidence": _evidence,
            "otel": self._event_sink,
        }

    def _event_sink(self) -> Sink:
        from perfkit.otel.events import EventSink  # noqa: PLC0415 - loads the logs API

        return EventSink(self._telemetry)


def _jsonl(path: str = "perfkit-violations.jsonl") -> Sink:
    return JsonLinesSink(path)


def _evidence(folder: str = "perfkit-evidence", most: int = 100) -> Sink:
    return EvidenceFilesSink(folder, most)


def _plugged_in(kind: str) -> Callable[..., Sink] | None:
    for entry_point in entry_points(group=ENTRY_POINTS, name=kind):
        try:
            loaded: Callable[..., Sink] = entry_point.load()
        except Exception as error:
            raise ConfigurationError(
                f"the sink {kind!r} of {entry_point.value} cannot be loaded: {error}"
            ) from error
        return loaded
    return None
