"""Build the sinks of a catalog, once each, from what the resolver returns."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from perfkit.assembly.chains import SinkChains
from perfkit.assembly.env_vars import VariableNotSetError
from perfkit.assembly.resolving import ResolvedSink, SinkResolver
from perfkit.assembly.sink_types import FAN_OUT, OTEL
from perfkit.catalog import Catalog
from perfkit.errors import ConfigurationError, PerfkitError
from perfkit.forks import register_after_fork
from perfkit.model import Policy, Sink
from perfkit.otel.telemetry import Telemetry
from perfkit.reentrancy import Lock
from perfkit.sinks.delivery.signals import is_signal_exception
from perfkit.sinks.redaction import Redactor
from perfkit.text import printable


class SinkRegistry:
    """Finds a sink by its name: declared in the catalog, or a type that needs no table.

    Each name has one sink, with its layers, which is built when it is first looked up. Safe from
    any thread.

    Args:
        catalog: The catalog with the ``[sinks.NAME]`` tables.
        telemetry: The providers of the sink ``otel``.
        chains: Builds the layers around a sink.
    """

    def __init__(self, catalog: Catalog, telemetry: Telemetry, chains: SinkChains) -> None:
        self.resolver = SinkResolver(catalog)
        self._telemetry = telemetry
        self._chains = chains
        self._built: dict[str, Sink] = {}
        self.after_fork_in_child()
        register_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Replace the lock, which another thread of the parent may have held at the fork."""
        self._lock = Lock()

    def find(self, name: str) -> Sink:
        """Return the sink called `name`.

        Raises:
            ConfigurationError: If it does not exist or cannot be built; without any option's text.
        """
        with self._lock:
            if name not in self._built:
                self._built[name] = self._build(name)
            return self._built[name]

    def wrap_layers(self, sink: Sink) -> Sink:
        """Return a sink that the code has made, with the layers that every sink has."""
        return self._chains.wrap_layers(sink)

    def _build(self, name: str) -> Sink:
        resolved = self.resolver.resolve(name)
        if resolved.type.name == FAN_OUT:
            options: dict[str, Any] = {"sinks": self._find_all(resolved.options["sinks"])}
        elif resolved.type.name == OTEL:
            options = {"telemetry": self._telemetry}
        else:
            options = dict(resolved.options)
        with _placed(self.resolver.place_of(name), resolved.values):
            sink = resolved.type.load()(**options)
            _check(sink, resolved.declared.policy)
            secrets = _secrets_of(resolved, sink)
            return self._chains.declared(name, sink, resolved.policy, secrets=secrets)

    def _find_all(self, names: Sequence[str]) -> Sequence[Sink]:
        """Return the sinks of a fan-out; raise one error for all that cannot be built."""
        found, problems = [], list[ConfigurationError]()
        for each in dict.fromkeys(names):
            try:
                found.append(self.find(each))
            except ConfigurationError as error:
                problems.append(error)
        if problems:
            lines = each_once(line for error in problems for line in str(error).splitlines())
            raise _kind_of(*problems)("\n".join(lines))
        return found


@contextmanager
def _placed(place: str, values: Collection[str]) -> Iterator[None]:
    """Add the place of a sink to the reason why it cannot be built, without any of the `values`.

    Raises:
        ConfigurationError: In place of any exception, and without it as a cause: an exception of a
            sink of another package may show the secrets in its options.
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
            f"{place}: making it raised {type(error).__name__}; its message is not shown, "
            "for it may hold secrets; correct its options"
        ) from None


def _kind_of(*errors: PerfkitError) -> type[ConfigurationError]:
    """Return the kind of one error that stands for all `errors`."""
    if all(isinstance(error, VariableNotSetError) for error in errors):
        return VariableNotSetError
    return ConfigurationError


def _secrets_of(resolved: ResolvedSink, sink: Sink) -> Collection[str]:
    """Return the values of variables that a failure of the sink might show by mistake.

    A sink of perfkit shows its destination by design, a host or a path. A fan-out shows the
    failures of its sinks, which have secrets of their own.
    """
    if resolved.type.name == FAN_OUT:
        return ()
    if not resolved.type.is_ours:
        return resolved.values
    destination = str(getattr(sink, "destination", ""))
    return {value for value in resolved.values if value not in destination}


def _check(sink: Sink, policy: Policy) -> None:
    if not isinstance(sink, Sink):
        raise ConfigurationError(f"it made an object of type {type(sink).__name__}, without emit")
    configured = policy.configured()
    if configured and getattr(sink, "reaches_caller", False) is True:
        raise ConfigurationError(
            f"{', '.join(configured)} has no effect on a sink that raises out of the call; "
            "remove it"
        )


def each_once(lines: Iterable[str]) -> Sequence[str]:
    """Return lines in order, none twice."""
    return tuple(dict.fromkeys(lines))
