"""What a layer is made of: a sink or a callable, and figures; all else is refused at once."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

import perfkit
from perfkit import ConfigurationError, Route, budget
from perfkit.model import Violation
from perfkit.sinks import (
    Background,
    Batched,
    CallbackSink,
    CircuitBroken,
    Deduped,
    Deduplicated,
    Filtered,
    Layer,
    LogSink,
    RateLimited,
    Retried,
    TimeLimited,
)
from perfkit.sinks.delivery.layer import as_sink
from tests.sinks.chains import Kept, of

LAYERS: list[Callable[..., Any]] = [
    Layer,
    partial(Background, size=10),
    partial(Batched, size=1),
    partial(CircuitBroken, failures=3),
    partial(Deduped, cooldown=60.0),
    partial(Deduplicated, quiet=60.0),
    partial(Filtered, keep=lambda _: True),
    partial(RateLimited, per_second=10.0),
    partial(Retried, attempts=1),
    partial(TimeLimited, seconds=60.0),
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
    layer.close(10.0) if isinstance(layer, Background) else None


def test_a_callable_within_a_layer_counts_like_any_sink() -> None:
    heard: list[Violation] = []

    def pager(violation: Violation) -> None:
        heard.append(violation)

    perfkit.configure(perfkit.Catalog(), sinks=[RateLimited(pager, 1.0)], delivery="inline")
    before = sum(each.delivered for each in perfkit.sink_stats() if each.sink == "pager")
    with budget("upload", duration="0s"):
        pass
    totals = next(each for each in perfkit.sink_stats() if each.sink == "pager")
    assert (len(heard), totals.delivered - before) == (1, 1)


def test_a_coroutine_function_within_a_layer_is_run_to_its_end() -> None:
    got: list[Violation] = []

    async def keep(violation: Violation) -> None:
        got.append(violation)

    Layer(keep).emit(of("a"))
    assert len(got) == 1


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
        (5, "of type int is no sink; give an object with emit(), or a callable of one violation"),
        (None, "of type NoneType is no sink; give"),
        ("hunter2", "a name is no sink here; give the sink itself, such as LogSink()"),
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


def test_a_layer_around_a_sink_does_not_load_what_callables_need() -> None:
    code = (
        "import sys; from perfkit.sinks import Deduped, MetricsOnlySink;"
        "Deduped(MetricsOnlySink(), 1.0);"
        "assert 'perfkit.sinks.builtin.callback' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# -- its figures


@pytest.mark.parametrize(
    ("make", "problems"),
    [
        (partial(Background, size="100"), ["size is a whole number; write 100"]),
        (partial(TimeLimited, seconds="2s"), ["seconds is seconds in code; write 2.0"]),
        (partial(Deduped, cooldown="5m"), ["cooldown is seconds in code; write 300.0"]),
        (partial(Deduped, cooldown="100ms"), ["cooldown is seconds in code; write 0.1"]),
        (partial(Deduped, cooldown="300"), ["cooldown is seconds in code; write 300.0"]),
        (
            partial(Deduped, cooldown=timedelta(minutes=5)),
            ["cooldown is seconds in code; write 300.0"],
        ),
        (
            partial(Deduped, cooldown="often"),
            ["cooldown is seconds in code; write a number, such as 300.0"],
        ),
        (
            partial(Deduped, cooldown=None),
            ["cooldown is seconds in code; write a number, such as 300.0"],
        ),
        (
            partial(Deduped, cooldown=True),
            ["cooldown is seconds in code; write a number, such as 300.0"],
        ),
        (
            partial(Deduplicated, quiet="5m", repeat="1h"),
            ["quiet is seconds in code; write 300.0", "repeat is seconds in code; write 3600.0"],
        ),
        (
            partial(Batched, size="20", wait="5s"),
            ["wait is seconds in code; write 5.0", "size is a whole number; write 20"],
        ),
        (partial(Batched, size=20.0), ["size is a whole number; write 20"]),
        (partial(Batched, size=2.5), ["size is a whole number; write one, such as 20"]),
        (partial(Batched, size=float("nan")), ["size is a whole number; write one, such as 20"]),
        (
            partial(CircuitBroken, failures="five", cooldown="30s"),
            [
                "cooldown is seconds in code; write 30.0",
                "failures is a whole number; write one, such as 20",
            ],
        ),
        (
            partial(RateLimited, per_second="10/min", burst="3"),
            [
                "per_second is a number of violations a second in code; write 0.167",
                "burst is a whole number; write 3",
            ],
        ),
        (
            partial(RateLimited, per_second="5/s"),
            ["per_second is a number of violations a second in code; write 5"],
        ),
        (
            partial(RateLimited, per_second="fast"),
            ["per_second is a number of violations a second in code; write one, such as 0.1"],
        ),
        (
            partial(Retried, attempts="3", first_wait="500ms"),
            ["first_wait is seconds in code; write 0.5", "attempts is a whole number; write 3"],
        ),
    ],
)
def test_a_figure_of_the_wrong_type_is_told_with_the_right_one(
    make: Callable[..., Any], problems: list[str]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make(Kept())
    assert str(caught.value).splitlines() == problems


@pytest.mark.parametrize("keep", [Route(sinks=()), True, None])
def test_a_filter_without_a_condition_that_can_be_called_is_refused(keep: Any) -> None:
    with pytest.raises(ConfigurationError, match="keep is no callable of one violation; write "):
        Filtered(Kept(), keep)
