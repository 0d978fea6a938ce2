"""Build each sink of a catalog once, from the data that the resolver returns."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any, Final

from perfkit.assembly.chains import SinkChains
from perfkit.assembly.env_vars import VariableNotSetError
from perfkit.assembly.resolving import ResolvedSink, SinkResolver
from perfkit.assembly.sink_types import BUILT_IN, FAN_OUT, OTEL
from perfkit.catalog import Catalog
from perfkit.catalog.settings import DEFAULT_SINKS
from perfkit.errors import ConfigurationError, PerfkitError
from perfkit.forks import register_after_fork
from perfkit.model import Clock, Policy, Sink
from perfkit.otel.telemetry import Telemetry
from perfkit.reentrancy import Lock, busy
from perfkit.runtime import internal_errors
from perfkit.sinks.delivery.retry import load_tenacity
from perfkit.sinks.delivery.signals import is_signal_exception
from perfkit.sinks.delivery.stats import stats_registry
from perfkit.sinks.redaction import Redactor
from perfkit.text import printable


class _Building:
    """The lock under which all sinks of the process are built."""

    def __init__(self) -> None:
        self.after_fork_in_child()
        register_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Replace the lock, which another thread of the parent may have held at the fork."""
        self.lock = Lock()


_building: Final = _Building()


class SinkRegistry:
    """Finds sinks by name: sinks of the catalog, and types that do not require a table.

    The first violation of a sink builds its layers, so that most processes build none. With
    `in_background`, a sink without the option ``background`` has a thread of its own. Safe from any
    thread.
    """

    def __init__(
        self, catalog: Catalog, telemetry: Telemetry, clock: Clock, *, in_background: bool
    ) -> None:
        self.resolver = SinkResolver(catalog)
        self._telemetry = telemetry
        self._make_chains = partial(SinkChains, clock, in_background=in_background)
        self._built: dict[str, tuple[Sink, Policy, Collection[str]]] = {}
        self._chained: dict[str, Sink] = {}

    def check(self, name: str) -> None:
        """Build the sink called `name` without its layers, and import what they need.

        Raises:
            ConfigurationError: If the sink does not exist or cannot be built. The message does not
                contain the text of an option.
        """
        declared = self.resolver.declared.get(name)
        if name in DEFAULT_SINKS and declared is None:
            BUILT_IN[name].load()  # without options, it can be built later
        elif declared is not None and not self.resolver.source:
            self.find(name)  # no reader has checked a policy of code, but the layers do
        else:
            self._leaf(name)
        stats_registry.expected[name] = internal_errors.report

    def find(self, name: str) -> Sink:
        """Return the sink called `name` with its layers, which are built at the first look-up.

        Raises:
            ConfigurationError: As for `check`.
        """
        if name in self._chained:
            return self._chained[name]
        sink, policy, secrets = self._leaf(name)
        with busy, _building.lock:
            if name not in self._chained:
                with self._placed(name, secrets):
                    self._chained[name] = self._chains.declared(name, sink, policy, secrets=secrets)
            return self._chained[name]

    def wrap_layers(self, sink: Sink) -> Sink:
        """Return a sink made in code, with the layers of every sink."""
        with busy, _building.lock:
            return self._chains.wrap_layers(sink)

    @cached_property
    def _chains(self) -> SinkChains:
        return self._make_chains()

    def _leaf(self, name: str) -> tuple[Sink, Policy, Collection[str]]:
        # Reentrant: a fan-out looks its members up while it is built. The resolver has refused
        # fan-outs that contain themselves, so the recursion ends.
        with _building.lock:
            if name not in self._built:
                self._built[name] = self._build(name)
            return self._built[name]

    def _build(self, name: str) -> tuple[Sink, Policy, Collection[str]]:
        resolved = self.resolver.resolve(name)
        if resolved.type.name == FAN_OUT:
            options: dict[str, Any] = {"sinks": self._find_all(resolved.options["sinks"])}
        elif resolved.type.name == OTEL:
            options = {"telemetry": self._telemetry}
        else:
            options = dict(resolved.options)
        with self._placed(name, resolved.values):
            sink = resolved.type.load()(**options)
            _check(sink, resolved)
            return sink, resolved.policy, _secrets_of(resolved, sink)

    def _find_all(self, names: Sequence[str]) -> Sequence[Sink]:
        """Return the sinks of a fan-out; raise one error with the problems of all of them."""
        found, problems = [], list[ConfigurationError]()
        for each in dict.fromkeys(names):
            try:
                found.append(self.find(each))
            except ConfigurationError as error:
                problems.append(error)
        if problems:
            lines = (line for error in problems for line in str(error).splitlines())
            raise _kind_of(*problems)("\n".join(dict.fromkeys(lines)))
        return found

    @contextmanager
    def _placed(self, name: str, values: Collection[str]) -> Iterator[None]:
        """Add the place of a sink to the reason why it cannot be built, without the `values`.

        Raises:
            ConfigurationError: In place of any exception, and without it as a cause: an exception
                of a sink of another package may show the secrets in its options.
        """
        try:
            yield
        except PerfkitError as error:
            place = self.resolver.place_of(name)
            lines = map(printable, Redactor(values)(str(error)).splitlines())
            raise _kind_of(error)("\n".join(f"{place}: {line}" for line in lines)) from None
        except Exception as error:  # a sink may raise anything
            if is_signal_exception(error):
                raise
            raise ConfigurationError(
                f"{self.resolver.place_of(name)}: making it raised {type(error).__name__}; its "
                "message is not shown, for it may hold secrets; correct its options"
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


def _check(sink: Sink, resolved: ResolvedSink) -> None:
    if not isinstance(sink, Sink):
        raise ConfigurationError(f"it made an object of type {type(sink).__name__}, without emit")
    if getattr(sink, "reaches_caller", False) is True:
        if configured := resolved.declared.policy.configured():
            raise ConfigurationError(
                f"{', '.join(configured)} has no effect on a sink that raises out of the call; "
                "remove it"
            )
    elif (resolved.policy.max_attempts or 1) > 1:
        # Imported now: the first violation must neither wait for it nor find it missing.
        load_tenacity()
