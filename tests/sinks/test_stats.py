"""No violation vanishes without a count."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import pytest

import perfkit
from perfkit import BudgetExceeded, Violation, budget
from perfkit.sinks import (
    CallbackSink,
    Deduplicated,
    DeliveryStats,
    RaiseSink,
    RateLimited,
)
from perfkit.sinks.delivery.stats import _StatsRegistry
from perfkit.testing import capture_violations
from tests.processes import environment
from tests.sinks.chains import DeliveryEntry, Kept
from tests.sinks.violations import make_violation


def test_there_is_one_account_a_name_and_not_too_many_names() -> None:
    book = _StatsRegistry()
    assert book.stats_of("a") is book.stats_of("a")
    for number in range(300):
        book.stats_of(f"sink {number}").take()
    totals = book.totals()
    assert len(totals) == 201
    assert totals[-1].sink == "others"
    assert sum(each.raised for each in totals) == 300


def test_only_the_raise_sink_may_raise_what_it_is_for() -> None:
    stats = DeliveryStats("raise")
    with pytest.raises(BudgetExceeded):
        DeliveryEntry(RaiseSink(), stats=stats).emit(make_violation())
    DeliveryEntry(Kept(BudgetExceeded([make_violation()])), stats=stats).emit(make_violation())
    totals = stats.totals()
    assert (totals.delivered, totals.dropped_by) == (1, {"failed": 1})


def test_the_exception_says_every_verdict_of_the_call_and_all_violations_together() -> None:
    perfkit.configure(perfkit.Catalog(), unknown_budgets="ignore")
    limits = {"duration": "0s", "cpu_time": "0s", "memory_growth": "1TB"}
    with (
        pytest.raises(BudgetExceeded) as caught,
        budget("load", **limits, on_violation="raise"),
    ):
        sum(range(10_000))
    states = {str(v.limit.metric): str(v.state) for v in caught.value.verdicts}
    assert states == {"duration": "violated", "cpu_time": "violated", "memory_growth": "met"}
    violated = {str(v.limit.metric) for v in caught.value.violations}
    assert violated == {"duration", "cpu_time"}
    assert len(str(caught.value).splitlines()) == 2


def test_violations_of_the_environment_say_so() -> None:
    perfkit.configure(perfkit.Catalog(), unknown_budgets="ignore", environment="staging")
    with capture_violations() as violations, budget("load", duration="0s"):
        pass
    assert [violation.environment for violation in violations] == ["staging"]


def test_the_environment_is_that_of_opentelemetrys_resource(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(
        "OTEL_RESOURCE_ATTRIBUTES", "service.name=a,deployment.environment.name=pre%20prod"
    )
    perfkit.reset()
    with capture_violations() as violations, budget("load", duration="0s"):
        pass
    assert violations[0].environment == "pre prod"


# -- in production, where sinks have a thread of their own


def _in_production(**settings: Any) -> None:
    perfkit.configure(
        perfkit.Catalog(), unknown_budgets="ignore", delivery="background", **settings
    )


def test_a_callback_that_a_block_makes_anew_each_time_has_one_queue() -> None:
    heard: list[int] = []
    _in_production(sinks=[])
    before = threading.active_count()
    for number in range(100):
        with budget("load", duration="0s", on_violation=lambda _, n=number: heard.append(n)):
            pass
    assert threading.active_count() - before <= 1
    assert perfkit.flush_sinks(20)
    assert heard == list(range(100))


def test_a_sink_given_twice_is_one_sink() -> None:
    heard: list[Violation] = []
    sink = CallbackSink(heard.append)
    _in_production(
        routes=[perfkit.Route(sinks=(sink,)), perfkit.Route(sinks=(sink,))], routing="all"
    )
    with budget("load", duration="0s"):
        pass
    assert perfkit.flush_sinks(20)
    assert len(heard) == 2


def test_layers_that_the_code_puts_around_a_sink_keep_one_account() -> None:
    class Pager(Kept):
        """Has statistics that no other test counts into."""

    pager = Pager()
    _in_production(sinks=[RateLimited(Deduplicated(pager, 3600.0), 1000.0, 1000)])
    for _ in range(10):
        with budget("load", duration="0s"):
            pass
    assert perfkit.flush_sinks(20)
    (totals,) = [each for each in perfkit.sink_stats() if each.sink == "Pager"]
    assert (totals.raised, totals.delivered, totals.waiting) == (10, 1, 0)
    assert totals.suppressed_by == {"duplicate": 9}
    assert len(pager.got) == 1


def test_sinks_that_a_block_makes_anew_each_time_do_not_pile_up() -> None:
    sinks = [Kept() for _ in range(300)]
    _in_production(sinks=[])
    for sink in sinks:
        with budget("load", duration="0s", on_violation=sink):
            pass
    assert threading.active_count() < 80
    assert perfkit.flush_sinks(20)
    assert {len(sink.got) for sink in sinks} == {1}


def test_a_layer_around_a_sink_of_the_code_tells_of_the_end_by_itself() -> None:
    recovered = threading.Event()

    class Pager:
        def emit(self, violation: Violation) -> None:
            if violation.is_recovery:
                recovered.set()

    _in_production(sinks=[Deduplicated(Pager(), resolve_after=0.05)])
    with budget("load", duration="0s"):
        pass
    assert recovered.wait(20)


_EXIT = """
import perfkit, time

def slow(_):
    time.sleep(0.05)
    print("heard", flush=True)

perfkit.configure(perfkit.Catalog(), sinks=[slow], unknown_budgets="ignore")
for _ in range(3):
    with perfkit.budget("load", duration="0s"):
        pass
print("done", flush=True)
"""


def test_what_waits_at_exit_is_delivered() -> None:
    """Outside of pytest sinks have a thread of their own by default."""
    done = subprocess.run(
        [sys.executable, "-c", _EXIT],
        env={name: text for name, text in environment().items() if name != "PYTEST_VERSION"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["done", "heard", "heard", "heard"]


_VIOLATE_A_BUDGET = """
import sys
import perfkit

heard = []
perfkit.configure(perfkit.Catalog(), sinks=["log", heard.append], unknown_budgets="ignore")

@perfkit.timed("met", threshold="1h")
def met(): pass

@perfkit.timed("violated", threshold="0s")
def violated(): pass

met()
before = set(sys.modules)
violated()
after = set(sys.modules)
assert perfkit.flush_sinks() and len(heard) == 1, heard
print(sorted(after - before))
"""


def test_the_first_violation_does_not_wait_for_code_to_load() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _VIOLATE_A_BUDGET],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


def test_the_name_of_a_sink_forges_no_line() -> None:
    told: list[str] = []
    stats = DeliveryStats("h\x1b[31m\nCRITICAL forged", lambda part, _: told.append(part))
    stats.fail(ValueError())
    assert told == ["sink h\\x1b[31m\\nCRITICAL forged"]
