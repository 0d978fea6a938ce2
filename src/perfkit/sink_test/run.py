"""Test sinks: send a marked violation along each delivery route, and report the result per sink."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from attrs import frozen

from perfkit.errors import BudgetExceeded
from perfkit.model import Sink, Violation
from perfkit.sink_test.routes import DeliveryRoute, NamedSink
from perfkit.sink_test.samples import find_sample
from perfkit.sinks.delivery.circuit_breaker import CircuitBroken
from perfkit.sinks.delivery.layer import Layer, flush_of, layers_of
from perfkit.sinks.delivery.stats import DeliveryStats, Totals
from perfkit.sinks.delivery.suppressing import SuppressingLayer

_FLUSH_SECONDS: Final = 30.0
_NOT_HERE: Final = {
    "not here": "",
    "not initialised": "the application that initialises it is not loaded here",
}
"""Reasons of drops that a sink does not cause, with the text to report; empty: the error's own."""

_Path = Sequence[NamedSink]
"""A sink, after the fan-outs that contain it."""


@frozen(kw_only=True)
class DeliveryResult:
    """The result of one test violation at one sink.

    Args:
        route: The name of the delivery route; empty if nothing names the sink.
        sink: Its name, after those of the fan-outs that contain it, such as ``"both > pager"``.
        destination: The receiver, as text for a report; empty if the sink does not name it.
        result: ``"delivered"``, ``"raised"``, ``"suppressed"``, ``"lost"``, ``"unreachable"``,
            ``"not tried"`` or ``"not checkable here"``.
        reason: The reason if it is not delivered; else empty.
        seconds: The time from the entry of the violation to its delivery; 0 without one.
    """

    route: str
    sink: str
    destination: str
    result: str
    reason: str = ""
    seconds: float = 0.0

    @property
    def is_bad(self) -> bool:
        """Whether it is a failure; ``"suppressed"`` is not, because a layer is configured so."""
        return self.result in {"lost", "unreachable", "not tried"}

    @property
    def is_open(self) -> bool:
        """Whether this process lacks a part of the application that the sink needs."""
        return self.result == "not checkable here"


def send_samples(route: DeliveryRoute) -> Iterator[DeliveryResult]:
    """Send violations along `route`, and yield the result at each sink.

    Each member of a fan-out has a result of its own. All members receive one violation if a budget
    of the catalog has one that passes all their filters; else each receives its own.
    """
    for sink in route.sinks:
        yield from _test_sink(route, sink)
    for name, reason in route.unmade.items():
        yield DeliveryResult(
            route=route.name, sink=name, destination="", result="not checkable here", reason=reason
        )


def count_of(route: DeliveryRoute) -> int:
    """Return the number of results that `send_samples` yields."""
    return len(route.unmade) + sum(len(list(_paths_of(sink))) for sink in route.sinks)


def _test_sink(route: DeliveryRoute, sink: NamedSink) -> Iterator[DeliveryResult]:
    paths = list(_paths_of(sink))
    for_all = _violation_for(route, [each for path in paths for each in path])
    if isinstance(for_all, Violation):
        yield from _send(route, paths, for_all)
        return
    for path in paths:
        violation = _violation_for(route, path)
        if isinstance(violation, Violation):
            yield from _send(route, [path], violation)
        else:
            yield _result_of(route, path, "unreachable", violation)


def _paths_of(sink: NamedSink) -> Iterator[_Path]:
    if not sink.members:
        yield (sink,)
    for member in sink.members or ():
        yield from ((sink, *path) for path in _paths_of(member))


def _violation_for(route: DeliveryRoute, sinks: Sequence[NamedSink]) -> Violation | str:
    return find_sample(route, [sink.match for sink in sinks if sink.match is not None])


def _send(
    route: DeliveryRoute, paths: Sequence[_Path], violation: Violation
) -> Iterator[DeliveryResult]:
    """Send one violation to the first sink of all `paths`; yield the result of each path."""
    entry = paths[0][0]
    stats = _new_stats(entry)
    flush_errors: list[str] = []
    # The raise sink counts its delivery before it raises.
    with suppress(BudgetExceeded):
        entry.sink.emit(violation)
    try:
        flush_of(entry.sink, _FLUSH_SECONDS)
    except Exception as error:  # noqa: BLE001 - a sink may raise anything
        flush_errors.append(_text_of(entry.redactor.redact_error(error)))
    for path in paths:
        result, reason = _outcome(path, stats, flush_errors)
        yield _result_of(route, path, result, reason, stats[id(path[-1].sink)].seconds)


def _result_of(
    route: DeliveryRoute, path: _Path, result: str, reason: str, seconds: float = 0.0
) -> DeliveryResult:
    return DeliveryResult(
        route=route.name,
        sink=" > ".join(sink.name for sink in path),
        destination=path[-1].destination,
        result=result,
        reason=reason,
        seconds=seconds,
    )


class _TestStats(DeliveryStats):
    """The delivery stats of one test violation, with its errors and its duration."""

    def __init__(self, sink: str) -> None:
        self.errors: list[Exception] = []
        self._begun = self.seconds = 0.0
        super().__init__(sink, lambda _, error: self.errors.append(error))

    def take(self, count: int = 1) -> None:
        self._begun = time.monotonic()
        super().take(count)

    def deliver(self, count: int = 1) -> None:
        self.seconds = time.monotonic() - self._begun
        super().deliver(count)


def _new_stats(sink: NamedSink) -> dict[int, _TestStats]:
    """Replace the stats of `sink` and its members; return the new ones by the id of the sink."""
    stats = {id(sink.sink): _TestStats(sink.name)}
    stats[id(sink.sink)].redact(sink.redactor.values)
    for layer in layers_of(sink.sink):
        if isinstance(layer, Layer):
            layer.stats = stats[id(sink.sink)]
        # A sink that several routes name is tested on each of them, and the violation of an earlier
        # test would suppress this one or, if it failed, open the circuit.
        if isinstance(layer, SuppressingLayer | CircuitBroken):
            layer.after_fork_in_child()
    for member in sink.members or ():
        stats |= _new_stats(member)
    return stats


def _outcome(
    path: _Path, stats: dict[int, _TestStats], flush_errors: Sequence[str]
) -> tuple[str, str]:
    """Return the result and its reason, from the last sink that the violation entered."""
    # A layer of a fan-out may suppress or drop the violation before it reaches the members.
    reached = [each for each in path if stats[id(each.sink)].totals().raised]
    last = (reached or path)[-1]
    totals = stats[id(last.sink)].totals()
    suffix = f" by {last.name}" if last is not path[-1] else ""
    if totals.dropped:
        return _drop(totals, stats[id(last.sink)].errors)
    if totals.suppressed:
        return "suppressed", f"{', '.join(totals.suppressed_by)}{suffix}"
    if last.members is not None and not last.members:
        return "not tried", f"{last.name} fans out to no sink"
    if totals.waiting:
        return "lost", "; ".join(flush_errors) or "it still waits"
    return _delivery(last.sink)


def _drop(totals: Totals, errors: Sequence[Exception]) -> tuple[str, str]:
    reported = "; ".join(dict.fromkeys(map(_text_of, errors))) or ", ".join(totals.dropped_by)
    if not totals.dropped_by.keys() <= _NOT_HERE.keys():
        return "lost", reported
    own_texts = (_NOT_HERE[reason] for reason in totals.dropped_by)
    return "not checkable here", "; ".join(filter(None, own_texts)) or reported


def _delivery(sink: Sink) -> tuple[str, str]:
    innermost = layers_of(sink)[-1]
    if getattr(innermost, "reaches_caller", False) is True:
        return "raised", ""
    missing = getattr(innermost, "missing_here", "")
    if isinstance(missing, str) and missing:
        return "not checkable here", missing
    return "delivered", ""


def _text_of(error: Exception) -> str:
    return f"{error}" or type(error).__name__
