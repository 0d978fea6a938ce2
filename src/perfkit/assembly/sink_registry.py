"""Build each sink of a catalog once, from the data that the resolver returns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
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
    """Finds sinks by name: sinks of the catalog, and types that do not require a table.

    The sink of a name, with its layers, is built at the first look-up. Safe from any thread.

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
            ConfigurationError: If the sink does not exist or cannot be built. The message does not
                contain the text of an option.
        """
        # Reentrant: a fan-out looks its members up while it is built. The resolver has refused
        # fan-outs that contain themselves, so the recursion ends.
        with self._lock:
            if name not in self._built:
                self._built[name] = self._build(name)
            return self._built[name]

    def wrap_layers(self, sink: Sink) -> Sink:
        """Return a sink made in code, with the layers of every sink."""
        return self._chains.wrap_layers(sink)

    def _build(self, name: str) -> Sink:
        resolved = self.resolver.resolve(name)
        if resolved.type.name == FAN_OUT:
            options: dict[str, Any] = {"sinks": self._find_all(resolved.options["sinks"])}
        elif resolved.type.name == OTEL:
            options = {"telemetry": self._telemetry}
        else:
            options = dict(resolved.options)
        with _placed(partial(self.resolver.place_of, name), resolved.values):
            sink = resolved.type.load()(**options)
            _check(sink, resolved.declared.policy)
            secrets = _secrets_of(resolved, sink)
            return self._chains.declared(name, sink, resolved.policy, secrets=secrets)

    def _find_all(self, names: Sequence[str]) -> Sequence[Sink]:
        """Return the sinks of a fan-out; raise one error with the problems of all of them."""
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
def _placed(place_of: Callable[[], str], values: Collection[str]) -> Iterator[None]:
    """Add the place of a sink to the reason why it cannot be built, without any of the `values`.

    Raises:
        ConfigurationError: In place of any exception, and without it as a cause: an exception of a
            sink of another package may show the secrets in its options.
    """
    try:
        yield
    except PerfkitError as error:
        place = place_of()
        lines = map(printable, Redactor(values)(str(error)).splitlines())
        raise _kind_of(error)("\n".join(f"{place}: {line}" for line in lines)) from None
    except Exception as error:  # a sink may raise anything
        if is_signal_exception(error):
            raise
        raise ConfigurationError(
            f"{place_of()}: making it raised {type(error).__name__}; its message is not shown, "
            "for it may hold secrets; correct its options"
        ) from None


def _kind_of(*errors: PerfkitError) -> type[ConfigurationError]:
    """Return the class of one error that combines all `errors`."""
    # `VariableNotSetError` is tolerated for sinks that no violation reaches, so it must not hide
    # another problem.
    if all(isinstance(error, VariableNotSetError) for error in errors):
        return VariableNotSetError
    return ConfigurationError


def _secrets_of(resolved: ResolvedSink, sink: Sink) -> Collection[str]:
    """Return the values of variables to redact in reports of the sink.

    The destination of a built-in sink, a host or a path, is shown by design and not redacted.
    """
    # The members of a fan-out report their own failures and redact their own secrets.
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
    """Return lines in their order, without repetition."""
    return tuple(dict.fromkeys(lines))
