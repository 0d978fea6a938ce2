"""Try sinks out: send a marked violation the way that real ones go, and see what comes of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from attrs import frozen

from perfkit.errors import BudgetExceeded
from perfkit.model import Sink, Violation
from perfkit.sink_test.routes import NamedSink, Way
from perfkit.sink_test.samples import Impossible, make_sample
from perfkit.sinks.delivery.circuit_breaker import CircuitBroken
from perfkit.sinks.delivery.layer import Layer, flush_of, layers_of
from perfkit.sinks.delivery.stats import DeliveryStats, Totals
from perfkit.sinks.delivery.suppression import SuppressingLayer

_FLUSH_SECONDS: Final = 30.0
_NOT_HERE: Final = {
    "not here": "",
    "not initialised": "the application that initialises it is not loaded here",
}
"""Reasons of failures that say nothing of a sink, and what to say if not what it said itself."""

_Path = Sequence[NamedSink]
"""A sink, after the fan-outs through which it is reached."""


@frozen(kw_only=True)
class DeliveryResult:
    """What came of trying one sink.

    Args:
        route: The name of the way on which it was tried; empty where nothing names the sink.
        sink: Its name, after those of the fan-outs that lead to it, such as ``"both > pager"``.
        destination: Where it delivers to, for people; empty if it does not say.
        result: ``"delivered"``, ``"raised"``, ``"held back"``, ``"lost"``, ``"not tried"`` or
            ``"not checkable here"``.
        reason: Why it is not delivered; else empty.
        seconds: From when the sink was given the violation until it was known what became of it.
    """

    route: str
    sink: str
    destination: str
    result: str
    reason: str = ""
    seconds: float = 0.0

    @property
    def is_bad(self) -> bool:
        """Whether it went as it should not: what is held back is so on purpose."""
        return self.result in {"lost", "not tried"}

    @property
    def is_open(self) -> bool:
        """Whether nothing is known of it: what it needs is not in this process."""
        return self.result == "not checkable here"


def try_way(way: Way) -> Iterator[DeliveryResult]:
    """Send violations on their way, and yield what came of them at each sink.

    A fan-out is tried as the sinks that it leads to. All of them hear of one violation, if one can
    be made up that gets past all their filters; else of one each.
    """
    for sink in way.sinks:
        yield from _try_sink(way, sink)
    for name, reason in way.unmade.items():
        yield DeliveryResult(
            route=way.name, sink=name, destination="", result="not checkable here", reason=reason
        )


def count_of(way: Way) -> int:
    """Return how many sinks `try_way` tries."""
    return len(way.unmade) + sum(len(list(_paths_to_ends(sink))) for sink in way.sinks)


def _try_sink(way: Way, sink: NamedSink) -> Iterator[DeliveryResult]:
    paths = list(_paths_to_ends(sink))
    everyone = {id(each): each for path in paths for each in path}
    for_all = _violation_for(way, list(everyone.values()))
    if isinstance(for_all, Violation):
        yield from _send(way, paths, for_all)
        return
    for path in paths:
        violation = _violation_for(way, path)
        if isinstance(violation, Violation):
            yield from _send(way, [path], violation)
        else:
            yield _tried(way, path, "not tried", violation.reason)


def _paths_to_ends(sink: NamedSink) -> Iterator[_Path]:
    if not sink.members:
        yield (sink,)
    for member in sink.members or ():
        yield from ((sink, *path) for path in _paths_to_ends(member))


def _violation_for(way: Way, sinks: Sequence[NamedSink]) -> Violation | Impossible:
    filters = [sink.only for sink in sinks if sink.only is not None]
    return make_sample([way.naming.conditions, *filters], way.environment, way.naming.budget)


def _send(way: Way, paths: Sequence[_Path], violation: Violation) -> Iterator[DeliveryResult]:
    """Send one violation, and yield what became of it at the ends of `paths`, which begin alike."""
    skip_nested = paths[0][0]
    accounts = _new_accounts(skip_nested)
    stopped: list[str] = []
    with suppress(BudgetExceeded):  # the account of the sink that raised it knows
        skip_nested.sink.emit(violation)
    try:
        flush_of(skip_nested.sink, _FLUSH_SECONDS)
    except Exception as error:  # noqa: BLE001 - a sink may raise anything
        stopped.append(_text_of(skip_nested.redactor.redact_error(error)))
    for path in paths:
        result, reason = _outcome(path, accounts, stopped)
        seconds = accounts[id(path[-1].sink)].seconds
        yield _tried(way, path, result, reason, seconds)


def _tried(way: Way, path: _Path, result: str, reason: str, seconds: float = 0.0) -> DeliveryResult:
    return DeliveryResult(
        route=way.name,
        sink=" > ".join(sink.name for sink in path),
        destination=path[-1].destination,
        result=result,
        reason=reason,
        seconds=seconds,
    )


class _TrialAccount(DeliveryStats):
    """The account of one trial alone: it knows what failed, and how long it took."""

    def __init__(self, sink: str) -> None:
        self.errors: list[Exception] = []
        self._begun = self._ended = 0.0
        super().__init__(sink, lambda _, error: self.errors.append(error))

    @property
    def seconds(self) -> float:
        """How long it took; 0 if it has not begun or not ended."""
        return max(0.0, self._ended - self._begun) if self._begun else 0.0

    def take(self, count: int = 1) -> None:
        self._begun = time.monotonic()
        super().take(count)

    def deliver(self, count: int = 1) -> None:
        self._ended = time.monotonic()
        super().deliver(count)

    def suppress(self, reason: str, count: int = 1) -> None:
        self._ended = time.monotonic()
        super().suppress(reason, count)

    def drop(self, reason: str, count: int = 1) -> None:
        self._ended = time.monotonic()
        super().drop(reason, count)


def _new_accounts(sink: NamedSink) -> dict[int, _TrialAccount]:
    """Let each sink that may hear of a violation have an account that says what became of it."""
    accounts = {id(sink.sink): _TrialAccount(sink.name)}
    accounts[id(sink.sink)].redact(sink.redactor.values)
    for layer in layers_of(sink.sink):
        if isinstance(layer, Layer):
            layer.stats = accounts[id(sink.sink)]
        if isinstance(layer, SuppressingLayer | CircuitBroken):
            layer.after_fork_in_child()  # an earlier test must not suppress this one
    for member in sink.members or ():
        accounts |= _new_accounts(member)
    return accounts


def _outcome(
    path: _Path, accounts: dict[int, _TrialAccount], stopped: Sequence[str]
) -> tuple[str, str]:
    """Return the result and its reason, as the last sink of a path that heard of it knows them."""
    reached = [each for each in path if accounts[id(each.sink)].totals().raised]
    last = (reached or path)[-1]
    stats = accounts[id(last.sink)]
    totals = stats.totals()
    through = f" by {last.name}" if last is not path[-1] else ""
    if totals.dropped:
        return _loss(totals, stats.errors)
    if totals.suppressed:
        return "held back", f"{', '.join(totals.suppressed_by)}{through}"
    if last.members is not None and not last.members:
        return "not tried", f"{last.name} fans out to no sink"
    if totals.waiting:
        return "lost", "; ".join(stopped) or "it still waits"
    return _arrival(last.sink)


def _loss(totals: Totals, errors: Sequence[Exception]) -> tuple[str, str]:
    told = "; ".join(dict.fromkeys(map(_text_of, errors))) or ", ".join(totals.dropped_by)
    if not totals.dropped_by.keys() <= _NOT_HERE.keys():
        return "lost", told
    instead = (_NOT_HERE[reason] for reason in totals.dropped_by)
    return "not checkable here", "; ".join(filter(None, instead)) or told


def _arrival(sink: Sink) -> tuple[str, str]:
    ending = layers_of(sink)[-1]
    if getattr(ending, "reaches_caller", False) is True:
        return "raised", ""
    missing = getattr(ending, "missing_here", "")
    if isinstance(missing, str) and missing:
        return "not checkable here", missing
    return "delivered", ""


def _text_of(error: Exception) -> str:
    return f"{error}" or type(error).__name__
