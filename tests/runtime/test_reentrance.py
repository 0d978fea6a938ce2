"""Calls that end where nobody expects it: in a finalizer, a signal handler, another thread."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

import pytest

import perfkit
from perfkit import Violation, budget, timed
from perfkit.runtime import internal_errors, plan, settings, window_registry
from perfkit.runtime.nesting import CallNode
from perfkit.runtime.state import state
from perfkit.testing import FakeClock, capture_violations
from tests.processes import environment, fork

_LONGEST_SECONDS: Final = 100
"""How long a process of its own may take: far longer than it does, unless it hangs."""


def _run(script: str, *arguments: str, **variables: str) -> str:
    """Run a script in a process of its own, which fails if it hangs; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", script, *arguments],
        capture_output=True,
        text=True,
        timeout=_LONGEST_SECONDS,
        check=False,
        env=environment(**variables),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


_ABANDONED: Final = """
import faulthandler, gc, sys, time, weakref
faulthandler.dump_traceback_later(60, exit=True)
import perfkit
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    InMemoryMetricReader, MetricExporter, MetricExportResult, PeriodicExportingMetricReader,
)
from perfkit.otel import metric_exporter

class Last(MetricExporter):
    def export(self, data, timeout_millis=0, **_):
        self.data = data
        return MetricExportResult.SUCCESS
    def force_flush(self, timeout_millis=0): return True
    def shutdown(self, timeout_millis=0, **_): pass

options = {
    "plain": {"duration": "1s"},
    "children": {"duration": "1s", "evidence": ["children"]},
    "windows": {"duration": "1s", "error_ratio": "5%", "concurrency": "9"},
    "probed": {"duration": "1s", "cpu_time": "1s", "gc_time": "1s"},
}[sys.argv[1]]
exporter = Last()
reader = PeriodicExportingMetricReader(metric_exporter(exporter), export_interval_millis=20)
provider = MeterProvider([reader])
perfkit.configure(
    perfkit.Catalog(), telemetry=perfkit.Telemetry(meter_provider=provider),
    unknown_budgets="ignore", sinks=[],
)

@perfkit.timed("items", **options)
def items(held):
    yield 1
    yield 2

@perfkit.timed("call", **options)
def call():
    return {}

alive = weakref.WeakSet()
gc.set_threshold(20)
for _ in range(3000):
    cycle = {}
    cycle["itself"] = items(cycle)
    next(cycle["itself"])
    alive.add(cycle["itself"])
    call()
cycle = None
while alive:  # gc.collect() does nothing while another thread collects
    gc.collect()
    time.sleep(0.001)
perfkit.evaluate_windows()
provider.shutdown()
for resource in exporter.data.resource_metrics:
    for scope in resource.scope_metrics:
        for metric in scope.metrics:
            if metric.name == "perfkit.call.duration":
                for point in metric.data.data_points:
                    name = point.attributes["perfkit.budget.name"]
                    print(name, point.attributes["perfkit.outcome"], point.count)
"""


@pytest.mark.parametrize("kind", ["plain", "children", "windows", "probed"])
def test_generators_that_are_abandoned_in_cycles_are_all_counted_and_hang_nothing(
    kind: str,
) -> None:
    said = _run(_ABANDONED, kind)
    assert sorted(said.splitlines()) == ["call ok 3000", "items ok 3000"]


_FINALIZED_IN_A_SET: Final = """
import contextvars, gc, random
import perfkit
perfkit.configure(perfkit.Catalog(), unknown_budgets="ignore", sinks=[], spans="never")

@perfkit.timed("items", duration="0s", evidence=["children"])
def items(held):
    try:
        yield 1
    finally:  # takes the place of what was freed meanwhile
        taken[:] = [bytes([255]) * size for size in range(40, 240, 8) for _ in range(50)]

taken = []

list(items(0))
list(items(0))
variables = [contextvars.ContextVar(f"variable_{number}") for number in range(4)]
rng = random.Random(4)
for _ in range(3000):
    gc.disable()
    for _ in range(3):
        cycle = {}
        cycle["itself"] = items(cycle)
        next(cycle["itself"])
        del cycle
    kept = [[] for _ in range(rng.randrange(50))]
    gc.set_threshold(gc.get_count()[0] + rng.randrange(-1, 4))  # to be passed in one of the sets
    gc.enable()
    for _ in range(3):
        for variable in variables:
            variable.set([kept])
print("alive")
"""


def test_a_finalizer_leaves_context_variables_alone() -> None:
    """Python 3.11 may run it within `ContextVar.set`, which does not survive another one.

    What the outer one goes on to read has been freed by then; the debugging allocator shows it.
    """
    assert _run(_FINALIZED_IN_A_SET, PYTHONMALLOC="debug") == "alive"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs signal.setitimer")
def test_a_signal_handler_may_make_measured_calls() -> None:
    script = """
import faulthandler, signal, time
faulthandler.dump_traceback_later(60, exit=True)
import perfkit
perfkit.configure(perfkit.Catalog(), unknown_budgets="ignore", sinks=[], spans="never")
calls = 0
@perfkit.timed("call", error_ratio="99%", cpu_time="10s", evidence=["children"])
def call():
    global calls
    calls += 1
call()
call()  # what is loaded at the first call is not loaded within a handler
signal.signal(signal.SIGALRM, lambda *_: call())
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
for _ in range(10_000): call()
signal.setitimer(signal.ITIMER_REAL, 0)
(verdict,) = perfkit.evaluate_windows()
print(verdict.samples - calls)
"""
    assert _run(script) == "0"


_INTERRUPTED: Final = """
import faulthandler, signal, sys, threading
faulthandler.dump_traceback_later(90, exit=True)
import perfkit
from perfkit.reentrancy import thread_state
perfkit.configure(
    perfkit.Catalog(), unknown_budgets="ignore", sinks=[lambda violation: None], spans="never"
)

@perfkit.timed("call", error_ratio="99%", cpu_time="10s", memory_growth="0B")
def call():
    pass

@perfkit.timed("light", error_ratio="99%")
def light():
    pass

def interrupt(*_):
    global interrupts, is_armed
    if is_armed:
        interrupts, is_armed = interrupts + 1, False
        raise KeyboardInterrupt  # Python swallows it where it comes within a callback of gc

def make_calls():
    for _ in range(100):
        call()
        light()

def make_calls_until_interrupted():
    while is_armed:
        call()
        light()
        if not interrupts % 5:
            perfkit.evaluate_windows()

def samples():
    return {each.budget.name: each.samples for each in perfkit.evaluate_windows()}

make_calls()
interrupts, is_armed = 0, False
signal.signal(signal.SIGALRM, interrupt)
while interrupts < 1500:
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0003 + (interrupts % 97) * 3e-6, 0.01)
        is_armed = True
        make_calls_until_interrupted()
    except KeyboardInterrupt:
        pass
signal.setitimer(signal.ITIMER_REAL, 0)

before = samples()
make_calls()
thread = threading.Thread(target=make_calls)
thread.start()
thread.join(30)
after = samples()
print({name: after[name] - before[name] for name in after}, thread_state.later, thread_state.depth)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs signal.setitimer")
def test_interrupts_at_any_moment_leave_all_later_calls_counted() -> None:
    assert _run(_INTERRUPTED) == "{'call': 200, 'light': 200} [] 0"


def test_a_call_that_outlives_the_one_around_it_counts_in_it_up_to_its_end(
    clock: FakeClock,
) -> None:
    """Started in another thread, and measured by its own figures after that."""
    perfkit.configure(perfkit.Catalog(), clock=clock, spans="never", unknown_budgets="ignore")
    has_begun, may_end = threading.Event(), threading.Event()

    def outlive() -> None:
        with budget("inner", duration="1s"):
            has_begun.set()
            may_end.wait()

    with capture_violations() as violations:
        with budget("outer", duration="1s", evidence=["children"]):
            clock.advance(1)
            thread = threading.Thread(target=contextvars.copy_context().run, args=(outlive,))
            thread.start()
            has_begun.wait()
            clock.advance(4)
        clock.advance(10)
        may_end.set()
        thread.join()
    outer, inner = violations
    assert outer.evidence[0].summary == "1 s of its own"
    assert (inner.budget.name, inner.value) == ("inner", 14.0)


def test_a_callback_that_schedules_itself_keeps_no_chain_of_those_before() -> None:
    perfkit.configure(perfkit.Catalog(), sinks=[], spans="never", unknown_budgets="ignore")
    alive: list[int] = []
    loop = asyncio.new_event_loop()

    @timed("root", duration="1h", evidence=["children"])
    def root() -> None:
        loop.call_soon(poll, 200)

    @timed("poll", duration="1h")
    def poll(left: int) -> None:
        if left:
            loop.call_soon(poll, left - 1)
        else:
            alive.append(sum(isinstance(each, CallNode) for each in gc.get_objects()))
            loop.stop()

    root()
    root()  # the first one found no frames yet: it asked for them
    loop.run_forever()
    loop.close()
    assert alive[0] < 20


def test_entries_of_a_block_that_asks_for_children_keep_the_plans_of_all_others() -> None:
    perfkit.configure(perfkit.Catalog(), sinks=[], spans="never", unknown_budgets="ignore")

    def enter() -> int:
        with budget("page", duration="1h", evidence=["children"]):
            return state.generation

    first = enter()
    assert {enter() for _ in range(10)} == {first}


# -- windows that several places share, or do not


_FAILURES: Final = {"threshold": "50%", "window": "1h", "min_samples": 2}


def test_a_block_with_a_function_made_at_each_entry_has_one_set_of_windows() -> None:
    perfkit.configure(perfkit.Catalog(), spans="never", unknown_budgets="ignore")
    heard: list[Violation] = []

    def enter() -> None:
        hear: Callable[[Violation], None] = lambda violation: heard.append(violation)  # noqa: E731, PLW0108 - made anew each time is the point
        with pytest.raises(LookupError), budget("job", error_ratio=_FAILURES, on_violation=hear):
            raise LookupError

    for _ in range(20):
        enter()
    assert len(window_registry._registry.windows) == 1
    assert [verdict.samples for verdict in perfkit.evaluate_windows()] == [20]
    assert [violation.samples for violation in heard] == [20]


def test_two_places_that_tell_others_are_judged_by_their_own_calls(counted: Any) -> None:
    heard: dict[str, list[Violation]] = {"failing": [], "fine": []}

    @timed("call", error_ratio=_FAILURES, on_violation=heard["failing"].append)
    def failing() -> None:
        raise LookupError

    @timed("call", error_ratio=_FAILURES, on_violation=heard["fine"].append)
    def fine() -> None:
        pass

    for _ in range(30):
        with pytest.raises(LookupError):
            failing()
        fine()
    verdicts = perfkit.evaluate_windows()
    assert sorted((v.value, v.samples) for v in verdicts) == [(0.0, 30), (1.0, 30)]
    assert (len(heard["failing"]), len(heard["fine"])) == (1, 0)
    counts = {p.attributes["perfkit.outcome"]: p.count for p in counted("perfkit.call.duration")}
    assert counts == {"ok": 30, "error": 30}


def test_judgements_of_windows_are_exported_beside_calls_counted_in_bulk(counted: Any) -> None:
    with budget("call", error_ratio=_FAILURES):
        pass
    perfkit.evaluate_windows()
    (point,) = counted("perfkit.window.verdicts")
    about = {key.removeprefix("perfkit."): value for key, value in point.attributes.items()}
    assert about == {
        "budget.name": "call",
        "metric": "error_ratio",
        "statistic": "ratio",
        "budget.state": "no_data",
    }
    assert point.value >= 1


@pytest.fixture
def counted() -> Iterator[Callable[[str], list[Any]]]:
    """Return the points of a metric as they arrive through `metric_exporter`."""
    from tests.soak.backend import Backend  # noqa: PLC0415 - loads the SDK

    backend = Backend()
    perfkit.configure(
        perfkit.Catalog(),
        telemetry=backend.telemetry,
        sinks=[],
        spans="never",
        unknown_budgets="ignore",
    )
    yield backend.points
    backend.close()


# -- settings that change meanwhile


def test_a_plan_that_is_made_while_measuring_is_turned_off_is_not_used(
    monkeypatch: pytest.MonkeyPatch, seen: Any
) -> None:
    is_made, may_go_on = threading.Event(), threading.Event()
    make_plan = plan.make_plan

    def slowly(*args: Any) -> plan.Plan:
        made = make_plan(*args)
        if threading.current_thread() is slow:
            is_made.set()
            may_go_on.wait()
        return made

    @timed
    def call() -> None:
        pass

    monkeypatch.setattr(plan, "make_plan", slowly)
    slow = threading.Thread(target=call)
    slow.start()
    is_made.wait()
    perfkit.configure(perfkit.Catalog(), observers=[seen], enabled=False)
    call()
    may_go_on.set()
    slow.join()
    before = len(seen.measurements)
    call()
    assert len(seen.measurements) == before


@pytest.mark.parametrize(
    "changed",
    [
        {"enabled": False},
        {"clock": FakeClock()},
        {"catalog": perfkit.Catalog(budgets=[perfkit.Budget(name="call", evidence=("children",))])},
    ],
    ids=["off", "clock", "children"],
)
@pytest.mark.parametrize("fails", [False, True])
def test_a_call_in_flight_is_counted_as_it_began_when_the_settings_change(
    changed: dict[str, Any], counted: Any, *, fails: bool
) -> None:
    telemetry = settings.current().telemetry._telemetry  # type: ignore[attr-defined]  # of Reporting

    said = {"catalog": perfkit.Catalog(), "unknown_budgets": "ignore", **changed}

    @timed("call")
    def call(*, changes: bool) -> None:
        if changes:
            perfkit.configure(**said, sinks=[], spans="never", telemetry=telemetry)
            with suppress(LookupError):
                call(changes=False)
        if fails:
            raise LookupError

    def count() -> int:
        return sum(point.count for point in counted("perfkit.call.duration"))

    for changes in (False, True):
        with suppress(LookupError):
            call(changes=changes)
    assert count() == (2 if changed.get("enabled") is False else 3)


# -- forks


_LOCKS: Final[dict[str, Callable[[], Any]]] = {
    "settings": lambda: state.lock,
    "faults": lambda: internal_errors._state.lock,
    "book": lambda: window_registry._registry.lock,
    "windows": lambda: next(iter(window_registry._registry.windows.values()))._lock,
    "governor": lambda: settings.current().overhead_limit._lock,
    "armory": lambda: settings.current().captures._lock,
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("which", _LOCKS)
def test_a_child_is_free_of_a_lock_that_another_thread_held_at_the_fork(which: str) -> None:
    perfkit.configure(perfkit.Catalog(), sinks=[], spans="never", unknown_budgets="ignore")

    @timed("call", error_ratio=_FAILURES, duration="0s", evidence=["cpu"])
    def call() -> None:
        pass

    def in_child() -> None:
        internal_errors.set_strict(is_strict=False)
        call()
        call()
        internal_errors.report("test", ValueError())
        perfkit.evaluate_windows()
        perfkit.configure(perfkit.Catalog(), sinks=[], unknown_budgets="ignore")
        call()
        perfkit.reset()

    call()
    lock = _LOCKS[which]()
    is_held, may_go = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            is_held.set()
            may_go.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    is_held.wait()
    try:
        assert fork(in_child) == 0
    finally:
        may_go.set()
        holder.join()
