"""Which sinks there are by name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Final

from attrs import asdict

from perfkit.assembly.builtin_sinks import BUILT_IN
from perfkit.assembly.chains import SinkChains
from perfkit.assembly.env_vars import VariableNotSetError, expand
from perfkit.assembly.sink_names import built_in_without_options, unknown_name, unknown_type
from perfkit.assembly.sink_options import check_declared
from perfkit.catalog import Catalog
from perfkit.catalog.catalog import SinkDeclaration
from perfkit.catalog.problems import quoted, shown
from perfkit.errors import ConfigurationError, PerfkitError
from perfkit.forks import register_after_fork
from perfkit.model import Policy, Sink
from perfkit.otel.telemetry import Telemetry
from perfkit.reentrancy import Lock
from perfkit.sinks.delivery.signals import is_signal_exception
from perfkit.sinks.redaction import Redactor, as_plain, values_in
from perfkit.text import printable

ENTRY_POINTS: Final = "perfkit.sinks"
OTEL: Final = "otel"
FAN_OUT: Final = "fan_out"
"""Types of sinks that need what the shelf has, beside those that are built in."""


class SinkRegistry:
    """Finds a sink by its name: declared in the catalog, built in, or brought by another package.

    Each name gives one sink, with its layers, made when it is first asked for. Safe from any
    thread.

    Args:
        catalog: Whose ``[sinks.NAME]`` tables count.
        telemetry: Where the sink ``otel`` reports to.
        chains: Puts the layers around a sink.
    """

    def __init__(self, catalog: Catalog, telemetry: Telemetry, chains: SinkChains) -> None:
        self._source = catalog.source
        self._declared = {sink.name: sink for sink in catalog.sinks}
        self._telemetry = telemetry
        self._chains = chains
        self._made: dict[str, Sink] = {}
        self.after_fork_in_child()
        register_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Be free of a lock that another thread held, in the child of a fork."""
        self._lock = Lock()
        self._being_made: list[str] = []

    def find(self, name: str) -> Sink:
        """Return the sink called `name`.

        Raises:
            ConfigurationError: If there is none, or it cannot be made; it holds no option's value.
        """
        with self._lock:
            if name not in self._made:
                declared = self._declared.get(name) or SinkDeclaration(name=name, type=name)
                self._made[name] = self._make(declared)
            return self._made[name]

    def wrap_layers(self, sink: Sink) -> Sink:
        """Return a sink that the code has made, with the layers that every sink has."""
        return self._chains.wrap_layers(sink)

    def _make(self, declared: SinkDeclaration) -> Sink:
        place = self._place_of(declared.name)
        make = self._span_factory_of(declared)
        if make is None:
            raise ConfigurationError(self._unknown(declared))
        is_ours = declared.type in {*BUILT_IN, OTEL, FAN_OUT}
        source = self._source if declared.name in self._declared else ""
        check_declared(make, declared, source, with_types=is_ours)
        with _told_of(place):
            expanded = expand(declared.options)
        # Others may look at what a text is; perfkit's own look at what of it is of a variable.
        options = expanded.options if is_ours else as_plain(expanded.options)
        if declared.type == FAN_OUT:
            sink = self._fan_out(declared.name, options["sinks"])
        else:
            with _told_of(place, expanded.values):
                sink = _checked(make(**options))
        with _told_of(place, expanded.values):
            _check_policy(sink, declared.policy)
            return self._chains.declared(
                declared.name,
                declared.type,
                sink,
                declared.policy,
                secrets=_secrets_of(declared.type, sink, expanded.values),
            )

    def _span_factory_of(self, declared: SinkDeclaration) -> Callable[..., Sink] | None:
        if declared.type == OTEL:
            return self._event_sink
        if declared.type == FAN_OUT:
            return _of_sinks
        if declared.type in BUILT_IN:
            return BUILT_IN[declared.type]()
        return _plugged_in(declared.type)

    def _unknown(self, declared: SinkDeclaration) -> str:
        types = {*BUILT_IN, OTEL, FAN_OUT, *entry_points(group=ENTRY_POINTS).names}
        if declared.name in self._declared:
            return f"{self._place_of(declared.name)}: {unknown_type(declared.type, types)}"
        usable = {OTEL, *built_in_without_options()}
        return unknown_name(declared.name, self._declared, types, usable)

    def _place_of(self, name: str) -> str:
        is_in_file = self._source and name in self._declared
        return f"{self._source}: sinks.{shown(name)}" if is_in_file else f"sink {quoted(name)}"

    def _event_sink(self) -> Sink:
        from perfkit.otel.events import EventSink  # noqa: PLC0415 - loads the logs API

        return EventSink(self._telemetry)

    def _fan_out(self, name: str, names: Sequence[str]) -> Sink:
        from perfkit.sinks.delivery.fan_out import FanOut  # noqa: PLC0415 - where it is asked for

        place = self._place_of(name)
        if name in self._being_made:
            names = [*self._being_made[self._being_made.index(name) :], name]
            raise ConfigurationError(
                f"{place}: it fans out to itself ({' -> '.join(map(shown, names))}); "
                "leave one of them out"
            )
        found, problems = [], list[ConfigurationError]()
        self._being_made.append(name)
        try:
            for each in dict.fromkeys(names):
                try:
                    found.append(self._found_for(place, each))
                except ConfigurationError as error:
                    problems.append(error)
        finally:
            self._being_made.pop()
        if problems:
            lines = each_once(line for error in problems for line in str(error).splitlines())
            raise _kind_of(*problems)("\n".join(lines))
        return FanOut(found)

    def _found_for(self, place: str, name: str) -> Sink:
        """Find one of the sinks of a fan-out; say where that is, if the sink has no place."""
        if name in self._declared:
            return self.find(name)
        with _told_of(place, values_in(name)):
            return self.find(name)


def _of_sinks(sinks: Sequence[str]) -> Sink:
    """Say which options a fan-out has: the shelf makes it, out of what it finds."""
    raise NotImplementedError


@contextmanager
def _told_of(place: str, values: Collection[str] = ()) -> Iterator[None]:
    """Say where it was that a sink cannot be made, and none of the `values` that it got.

    Raises:
        ConfigurationError: In place of any exception, and without it as a cause: what a sink of
            another package raises may hold the secrets that it was given.
    """
    try:
        yield
    except PerfkitError as error:
        lines = map(printable, Redactor(values)(str(error)).splitlines())
        raise _kind_of(error)("\n".join(f"{place}: {line}" for line in lines)) from None
    except Exception as error:  # a sink may raise anything
        if is_signal_exception(error):
            raise
        raise ConfigurationError(
            f"{place}: making it raised {type(error).__name__}; what that says is not shown, "
            "for it may hold secrets; correct its options"
        ) from None


def _kind_of(*errors: PerfkitError) -> type[ConfigurationError]:
    """Return the kind of one error that stands for all `errors`."""
    if all(isinstance(error, VariableNotSetError) for error in errors):
        return VariableNotSetError
    return ConfigurationError


def _secrets_of(kind: str, sink: Sink, values: Collection[str]) -> Collection[str]:
    """Return those of `values` that a sink may say by mistake.

    A sink of perfkit says by design where it leads, a host or a path; a fan-out says what its sinks
    say, which have secrets of their own.
    """
    if kind == FAN_OUT:
        return ()
    if kind not in {*BUILT_IN, OTEL}:
        return values
    destination = str(getattr(sink, "destination", ""))
    return {value for value in values if value not in destination}


def _checked(sink: Sink) -> Sink:
    if not isinstance(sink, Sink):
        raise ConfigurationError(
            f"what was made is of type {type(sink).__name__}, which has no emit"
        )
    return sink


def _check_policy(sink: Sink, policy: Policy) -> None:
    configured = [key for key, value in asdict(policy, recurse=False).items() if value is not None]
    if configured and getattr(sink, "reaches_caller", False) is True:
        raise ConfigurationError(
            f"{', '.join(configured)} has no effect on a sink that raises to the caller; remove it"
        )


def each_once(lines: Iterable[str]) -> Sequence[str]:
    """Return lines in order, none twice."""
    return tuple(dict.fromkeys(lines))


def _plugged_in(kind: str) -> Callable[..., Sink] | None:
    for entry_point in entry_points(group=ENTRY_POINTS, name=kind):
        try:
            loaded: Callable[..., Sink] = entry_point.load()
        except Exception as error:
            if is_signal_exception(error):
                raise
            raise ConfigurationError(
                f"the sink {quoted(kind)} of {entry_point.value} cannot be loaded: "
                f"{printable(str(error))}"
            ) from error
        return loaded
    return None
