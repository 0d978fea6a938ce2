"""Calls in a finalizer, a signal handler, or a child that was forked while a lock was held."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

import perfkit
from perfkit import timed
from perfkit.runtime import internal_errors, settings, window_registry
from perfkit.runtime.state import state
from tests.processes import environment, fork

ROOT: Final = Path(__file__).parents[2]
_LONGEST_SECONDS: Final = 100
"""How long a process of its own may take: far longer than it does, unless it hangs."""


def _run(script: str, *arguments: str, **variables: str) -> str:
    """Run a script in a process of its own, which fails if it hangs; return what it prints."""
    begin = "import faulthandler; faulthandler.dump_traceback_later(90, exit=True)\n"
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", begin + script, *arguments],
        capture_output=True,
        text=True,
        timeout=_LONGEST_SECONDS,
        check=False,
        cwd=ROOT,
        env=environment(**variables),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


_ABANDONED: Final = """
import gc, sys, time, weakref
import perfkit
from tests.soak.backend import Backend

backend = Backend(export_interval_millis=20)
perfkit.configure(perfkit.Catalog(), telemetry=backend.telemetry, sinks=[], spans="never")
options = {
    "plain": {"duration": "1s"},
    "children": {"duration": "1s", "evidence": ["children"]},
    "windows": {"duration": "1s", "error_ratio": "5%", "concurrency": "9"},
    "probed": {"duration": "1s", "cpu_time": "1s", "gc_time": "1s"},
}[sys.argv[1]]

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
points = backend.points("perfkit.call.duration")
backend.close()
for point in points:
    about = point.attributes
    print(about["perfkit.budget.name"], about["perfkit.outcome"], point.count)
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
perfkit.configure(perfkit.Catalog(), sinks=[], spans="never")

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
import signal
import perfkit
perfkit.configure(perfkit.Catalog(), sinks=[], spans="never")
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
import signal, threading
import perfkit
from perfkit.reentrancy import thread_state
perfkit.configure(perfkit.Catalog(), sinks=[lambda violation: None], spans="never")

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


_LOCKS: Final[dict[str, Callable[[], Any]]] = {
    "settings": lambda: state.lock,
    "internal errors": lambda: internal_errors._state.lock,
    "window registry": lambda: window_registry._registry.lock,
    "windows": lambda: next(iter(window_registry._registry.windows.values()))._lock,
    "overhead limit": lambda: settings.current().overhead_limit._lock,
    "captures": lambda: settings.current().captures._lock,
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("which", _LOCKS)
def test_a_child_is_free_of_a_lock_that_another_thread_held_at_the_fork(which: str) -> None:
    perfkit.configure(perfkit.Catalog(), sinks=[], spans="never")

    @timed("call", error_ratio={"threshold": "50%"}, duration="0s", evidence=["cpu"])
    def call() -> None:
        pass

    def in_child() -> None:
        internal_errors.set_strict(is_strict=False)
        call()
        call()
        internal_errors.report("test", ValueError())
        perfkit.evaluate_windows()
        perfkit.configure(perfkit.Catalog(), sinks=[])
        call()
        perfkit.reset()

    call()
    is_held, may_go = threading.Event(), threading.Event()

    def hold() -> None:
        with _LOCKS[which]():
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
