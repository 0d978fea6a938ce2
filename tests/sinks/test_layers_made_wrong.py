"""What a layer is made of: a sink or a callable, and figures; all else is refused at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from perfkit import ConfigurationError, Route
from perfkit.model import Violation
from perfkit.sinks import (
    CallbackSink,
    CircuitBroken,
    Deduplicated,
    DeliveryQueue,
    Filtered,
    Layer,
    LogSink,
    RateLimited,
    Retried,
)
from perfkit.sinks.delivery.layer import as_sink
from tests.sinks.chains import Kept, of

LAYERS: list[Callable[..., Any]] = [
    Layer,
    partial(DeliveryQueue, size=10),
    partial(CircuitBroken, max_failures=3),
    partial(Deduplicated, repeat_interval=60.0),
    partial(Deduplicated, resolve_after=60.0),
    partial(Filtered, match=lambda _: True),
    partial(RateLimited, per_second=10.0),
    partial(Retried, max_attempts=1),
]


# -- what a layer wraps


@pytest.mark.parametrize("make", LAYERS)
def test_every_layer_takes_a_callable_of_one_violation(make: Callable[..., Any]) -> None:
    pytest.importorskip("tenacity")
    got: list[Violation] = []
    layer = make(got.append)
    layer.emit(of("a"))
    assert layer.flush(10.0)
    assert [each.budget.name for each in got] == ["a"]
    layer.close(10.0) if isinstance(layer, DeliveryQueue) else None


def test_a_sink_that_can_be_called_too_stays_a_sink() -> None:
    class Both(Kept):
        def __call__(self, violation: Violation) -> None:
            raise NotImplementedError

    sink = Both()
    assert as_sink(sink) is sink
    assert Layer(sink).inner is sink


def test_a_class_that_takes_one_violation_is_a_callable_like_any_other() -> None:
    made: list[Violation] = []

    class Seen:
        def __init__(self, violation: Violation) -> None:
            made.append(violation)

    sink = as_sink(Seen)
    assert isinstance(sink, CallbackSink)
    sink.emit(of("a"))
    assert len(made) == 1


@pytest.mark.parametrize("make", LAYERS)
@pytest.mark.parametrize(
    ("thing", "problem"),
    [
        (
            None,
            "of type NoneType is not a sink; pass an object with emit(), such as LogSink(),",
        ),
        (
            "hunter2",
            "of type str is not a sink; pass an object with emit(), such as LogSink(),",
        ),
        (LogSink, "LogSink is a class; make a sink of it, LogSink(...)"),
    ],
)
def test_what_is_no_sink_is_refused_when_the_layer_is_made(
    make: Callable[..., Any], thing: object, problem: str
) -> None:
    pytest.importorskip("tenacity")
    with pytest.raises(ConfigurationError, match=re.escape(problem)) as caught:
        make(thing)
    assert "hunter2" not in str(caught.value)


# -- its figures


@pytest.mark.parametrize(
    ("make", "problems"),
    [
        *(
            (
                partial(Deduplicated, repeat_interval=given),
                [f"repeat_interval is seconds in code; write {right}"],
            )
            for given, right in (
                ("100ms", "0.1"),
                ("300", "300.0"),
                (timedelta(minutes=5), "300.0"),
                ("often", "a number, such as 300.0"),
                (True, "a number, such as 300.0"),
            )
        ),
        (partial(DeliveryQueue, size="100"), ["size is a whole number; write 100"]),
        (
            partial(Deduplicated, repeat_interval="1h", resolve_after="5m"),
            [
                "repeat_interval is seconds in code; write 3600.0",
                "resolve_after is seconds in code; write 300.0",
            ],
        ),
        (
            partial(DeliveryQueue, batch_size="20", batch_wait="5s"),
            ["batch_wait is seconds in code; write 5.0", "batch_size is a whole number; write 20"],
        ),
        (partial(DeliveryQueue, size=20.0), ["size is a whole number; write 20"]),
        (partial(DeliveryQueue, size=2.5), ["size is a whole number; write one, such as 20"]),
        (
            partial(CircuitBroken, max_failures="five"),
            ["max_failures is a whole number; write one, such as 20"],
        ),
        (
            partial(RateLimited, per_second="10/min", burst="3"),
            [
                "per_second is a number of violations a second in code; write 0.167",
                "burst is a whole number; write 3",
            ],
        ),
        (
            partial(RateLimited, per_second="fast"),
            ["per_second is a number of violations a second in code; write one, such as 0.1"],
        ),
        (partial(Retried, max_attempts="3"), ["max_attempts is a whole number; write 3"]),
    ],
)
def test_a_figure_of_the_wrong_type_is_told_with_the_right_one(
    make: Callable[..., Any], problems: list[str]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make(Kept())
    assert str(caught.value).splitlines() == problems


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (partial(RateLimited, per_second=0.0), "rate above zero"),
        (partial(RateLimited, per_second=1.0, burst=0), "burst of at least 1"),
        (partial(RateLimited, per_second=float("nan")), "rate above zero"),
        (Deduplicated, "write one of them above zero"),
        (partial(Deduplicated, repeat_interval=0.0), "write one of them above zero"),
        (partial(Deduplicated, resolve_after=-1.0), "write one of them above zero"),
        (partial(Deduplicated, repeat_interval=float("nan")), "write one of them above zero"),
        (
            partial(DeliveryQueue, size=0),
            "queue of 0 .* write a size and a batch_size of at least 1",
        ),
        (
            partial(DeliveryQueue, when_full="wait"),
            "'wait' when full, .* 'drop_oldest' or 'drop_newest'",
        ),
        (partial(DeliveryQueue, batch_size=0), "batches of 0 .* a batch_size of at least 1"),
        (partial(DeliveryQueue, batch_wait=-1.0), "after -1 s; .* a batch_wait of at least 0"),
        (partial(Retried, max_attempts=0), "write"),
        (partial(Retried, first_wait=0.0), "write"),
        (partial(CircuitBroken, max_failures=0), "write"),
        (partial(CircuitBroken, cooldown=0.0), "write"),
    ],
)
def test_a_figure_out_of_range_is_refused(make: Callable[..., Any], text: str) -> None:
    pytest.importorskip("tenacity")
    with pytest.raises(ConfigurationError, match=text):
        make(Kept())


@pytest.mark.parametrize("match", [Route(sinks=()), True, None])
def test_a_filter_without_a_callable_condition_is_refused(match: Any) -> None:
    with pytest.raises(ConfigurationError, match="match is not a callable of one violation; write"):
        Filtered(Kept(), match)
