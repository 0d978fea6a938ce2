"""Stack samples: the slow place is named, running or awaiting, and nothing is kept."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from attrs import evolve

import perfkit
from perfkit.instruments.wrapping import wrap
from perfkit.model import CodeLocation, Evidence
from perfkit.probes import sampler, stack
from perfkit.probes.frames import DEPTH, NATIVE, stack_of
from perfkit.probes.stack import NO_SAMPLES, StackProbe
from perfkit.runtime import settings
from perfkit.runtime.callsite import Callsite
from perfkit.runtime.callsite_options import CallsiteOptions
from tests.fixtures import Seen

STACK = CallsiteOptions(explain=frozenset({"stack"}))
AT_MOST_SECONDS = 20.0


class Enough:
    """Tells measured code when it may end: when its sessions have samples."""

    def __init__(self) -> None:
        self.probe = StackProbe(interval=0.001)
        self.sessions: list[Any] = []
        self.metrics, self.explains, self.slows = frozenset[Any](), "stack", "stack sampling"

    def open(self) -> Any:
        self.sessions.append(self.probe.open())
        return self.sessions[-1]

    def of(self, position: int, samples: int) -> bool:
        return self.taken(position) >= samples or time.monotonic() > self.deadline

    def more(self, position: int, samples: int) -> Callable[[], bool]:
        """Tell when there are so many more than now: a slow machine may have too many already."""
        begun = self.taken(position)
        return lambda: self.of(position, begun + samples)

    def taken(self, position: int) -> int:
        return sum((self.sessions[position]._counts or {}).values())

    deadline = float("inf")


@pytest.fixture
def enough() -> Enough:
    made = Enough()
    made.deadline = time.monotonic() + AT_MOST_SECONDS
    return made


@pytest.fixture
def watched(seen: Seen, enough: Enough) -> Seen:
    """An observer of calls that are sampled often."""
    settings.replace(evolve(settings.current(), find_probes=lambda: (enough,)))
    return seen


def _spin(until: Callable[[], bool]) -> None:
    while not until():
        pass


async def _query(until: Callable[[], bool]) -> None:
    while not until():  # noqa: ASYNC110 - the sampler is a thread and knows no event
        await asyncio.sleep(0.001)


def _of(seen: Seen, position: int = 0) -> Evidence:
    return seen.measurements[position].evidence[0]


def _functions(evidence: Evidence) -> set[str]:
    return {
        place.split(" (")[0].rpartition(".")[2]
        for collapsed in evidence.detail
        for place in collapsed.split(";")
    }


# -- what is named


def test_the_slow_function_is_named_with_its_line(watched: Seen, enough: Enough) -> None:
    def handler() -> None:
        _spin(lambda: enough.of(0, 5))

    wrap(handler, STACK)()
    evidence = _of(watched)
    top = evidence.rows[0]
    assert (evidence.kind, evidence.note) == ("stack", "")
    assert top["file"] == __file__
    assert top["stack"].split(";")[0].startswith(f"{__name__}.test_the_slow")
    assert "handler (test_stack.py:" in top["stack"]
    assert f" in {top['function']} (test_stack.py:{top['line']})" in evidence.summary
    assert sum(row["samples"] for row in evidence.rows) == sum(evidence.detail.values())
    assert sum(row["share"] for row in evidence.rows) == pytest.approx(1)


def test_neither_the_caller_nor_perfkit_is_in_a_stack(watched: Seen, enough: Enough) -> None:
    def handler() -> None:
        _spin(lambda: enough.of(0, 3))

    wrap(handler, STACK)()
    assert not any("perfkit." in line for line in _of(watched).detail)
    assert "test_neither_the_caller_nor_perfkit_is_in_a_stack" not in _functions(_of(watched))


def _block() -> Any:
    """Return a budget block that gathers evidence at each entry."""
    block = perfkit.budget("block", duration="1h")
    block._site = Callsite(STACK, CodeLocation(function="block"))
    return block


def test_a_block_is_named_by_the_function_that_it_stands_in(watched: Seen, enough: Enough) -> None:
    def around() -> None:
        with _block():
            _spin(lambda: enough.of(0, 3))

    around()
    assert {"around", "_spin"} <= _functions(_of(watched))
    assert "test_a_block_is_named_by_the_function_that_it_stands_in" not in _functions(_of(watched))


def test_a_block_in_a_task_is_named_while_it_awaits(watched: Seen, enough: Enough) -> None:
    async def around() -> None:
        async with _block():
            await _query(lambda: enough.of(0, 3))

    async def main() -> None:
        await around()

    asyncio.run(main())
    assert {"around", "_query"} <= _functions(_of(watched))
    assert "main" not in _functions(_of(watched))


def test_a_block_entered_by_an_exit_stack_is_named_all_the_same(
    watched: Seen, enough: Enough
) -> None:
    def around() -> None:
        with ExitStack() as exits:
            exits.enter_context(_block())
            _spin(lambda: enough.of(0, 3))

    around()
    assert {"around", "_spin"} <= _functions(_of(watched))


def test_each_of_two_tasks_names_what_it_awaits_itself(watched: Seen, enough: Enough) -> None:
    async def read_users() -> None:
        await _query(lambda: enough.of(0, 4))

    async def read_orders() -> None:
        await _query(lambda: enough.of(1, 4))

    async def main() -> None:
        await asyncio.gather(wrap(read_users, STACK)(), wrap(read_orders, STACK)())

    asyncio.run(main())
    by_name = {each.where.function.rpartition(".")[2]: each for each in watched.measurements}
    users = _functions(by_name["read_users"].evidence[0])
    orders = _functions(by_name["read_orders"].evidence[0])
    assert {"read_users", "_query", "sleep"} <= users
    assert {"read_orders", "_query", "sleep"} <= orders
    assert "read_orders" not in users
    assert "read_users" not in orders
    assert "main" not in users


def test_awaiting_is_followed_through_generators_and_tasks(watched: Seen, enough: Enough) -> None:
    async def rows() -> AsyncIterator[int]:
        await _query(lambda: enough.of(0, 3))
        yield 1

    async def in_task() -> None:
        await _query(enough.more(0, 3))

    async def handler() -> None:
        async for _ in rows():
            pass
        await asyncio.create_task(in_task())

    asyncio.run(wrap(handler, STACK)())
    stacks = list(_of(watched).detail)
    assert any("handler" in each and "rows" in each and "_query" in each for each in stacks)
    assert any("handler" in each and "in_task" in each and "_query" in each for each in stacks)


def test_a_task_that_runs_what_is_awaited_is_looked_into(watched: Seen, enough: Enough) -> None:
    async def in_task() -> None:
        _spin(lambda: enough.of(0, 3))

    async def handler() -> None:
        await asyncio.create_task(in_task())

    asyncio.run(wrap(handler, STACK)())
    assert any("handler" in each and "_spin" in each for each in _of(watched).detail)


def test_the_consumer_of_a_generator_is_not_sampled(watched: Seen, enough: Enough) -> None:
    def numbers() -> Iterator[int]:
        _spin(lambda: enough.of(0, 3))
        yield 1
        _spin(enough.more(0, 3))

    def consume() -> None:
        rounds = 0
        for _ in wrap(numbers, STACK)():
            while rounds < 50_000:
                rounds += 1

    consume()
    assert "_spin" in _functions(_of(watched))
    assert "consume" not in _functions(_of(watched))


def test_the_consumer_of_an_async_generator_is_not_sampled(watched: Seen, enough: Enough) -> None:
    async def numbers() -> AsyncIterator[int]:
        await _query(lambda: enough.of(0, 3))
        yield 1
        await _query(enough.more(0, 3))

    async def rest() -> None:
        await asyncio.sleep(0.01)

    async def consume() -> None:
        async for _ in wrap(numbers, STACK)():
            await rest()

    asyncio.run(consume())
    assert {"numbers", "_query"} <= _functions(_of(watched))
    assert not {"consume", "rest"} & _functions(_of(watched))


def test_a_call_shorter_than_the_interval_has_no_samples(watched: Seen) -> None:
    wrap(len, STACK)(())
    assert (_of(watched).note, _of(watched).rows, _of(watched).summary) == (NO_SAMPLES, (), "")


def test_what_the_sampler_does_to_start_is_not_of_the_call(
    watched: Seen, enough: Enough, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where its thread is up long before the call goes on."""
    rounds: list[float] = []
    start, take_round = sampler._Thread.start, sampler.Sampler.take_round

    def take_noted_round(self: sampler.Sampler) -> float:
        rounds.append(take_round(self))
        return rounds[-1]

    def start_slowly(self: threading.Thread) -> None:
        start(self)
        _spin(lambda: len(rounds) > 5)

    monkeypatch.setattr(sampler.Sampler, "take_round", take_noted_round)
    monkeypatch.setattr(sampler._Thread, "start", start_slowly)
    outer = enough.open()
    outer.interval = 1e-6
    outer.resume()
    _spin(lambda: enough.of(0, 1))
    wrap(len, STACK)(())
    outer.close()
    functions = _functions(outer.evidence()[0]) | _functions(_of(watched))
    assert not {"start_slowly", "start", "wait"} & functions


def test_code_without_a_frame_in_python_is_called_native() -> None:
    assert stack_of([]) == NATIVE


# -- how samples count


def test_a_late_sample_counts_for_the_intervals_that_it_missed() -> None:
    session = StackProbe(interval=1000).open()
    session.resume()
    session.sample(sys._current_frames(), time.monotonic() + 5500)
    session.suspend()
    session.close()
    assert sum(session.evidence()[0].detail.values()) == 5


def test_stacks_are_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "MOST_STACKS", 2)
    session = StackProbe(interval=1000).open()
    session.resume()
    now = time.monotonic()
    session.sample(sys._current_frames(), now)
    session.sample(sys._current_frames(), now)
    session.sample(sys._current_frames(), now)
    session.sample(sys._current_frames(), now)
    session.close()
    evidence = session.evidence()[0]
    assert evidence.detail["(other stacks)"] == 2
    assert evidence.rows[-1]["function"] == "(other stacks)"


def test_a_deep_stack_keeps_its_inner_frames() -> None:
    session = StackProbe(interval=1000).open()

    def deeper(levels: int) -> None:
        if levels:
            return deeper(levels - 1)
        return innermost()

    def innermost() -> None:
        session.sample(sys._current_frames(), time.monotonic())

    session.resume()
    deeper(300)
    session.close()
    (collapsed,) = session.evidence()[0].detail
    assert collapsed.count(";") == DEPTH - 1
    assert "innermost" in collapsed.split(";")[-1]


def test_odd_frames_end_in_a_note_and_not_in_the_application() -> None:
    class Broken(dict[int, Any]):
        def get(self, *_: Any) -> Any:
            raise LookupError

    session = StackProbe(interval=1000).open()
    session.resume()
    session.sample(Broken(), time.monotonic())
    session.close()
    assert session.evidence()[0].note == "sampling failed: LookupError"


def test_an_interval_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="above zero"):
        StackProbe(interval=0)


# -- nothing is left behind


def _samplers() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "perfkit-sampler"]


def test_sessions_share_one_thread_which_ends_with_the_last() -> None:
    first, second = StackProbe().open(), StackProbe().open()
    assert not _samplers()
    first.resume()
    second.resume()
    assert len(_samplers()) == 1
    first.close()
    assert len(_samplers()) == 1
    second.close()
    assert not _samplers()


def test_a_session_of_a_shorter_interval_need_not_wait_for_the_others(enough: Enough) -> None:
    slow = StackProbe(interval=1000).open()
    slow.resume()
    quick = enough.open()
    quick.resume()
    _spin(lambda: enough.of(0, 2))
    quick.close()
    slow.close()
    assert enough.taken(0) >= 2


def test_an_abandoned_session_is_not_sampled_for_ever() -> None:
    session = StackProbe(interval=0.001).open()
    session.resume()
    session.suspend()
    (thread,) = _samplers()
    del session
    thread.join(AT_MOST_SECONDS)
    assert not thread.is_alive()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, asyncio.CancelledError])
def test_calls_that_fail_leave_no_thread(
    watched: Seen, enough: Enough, error: type[BaseException]
) -> None:
    async def handler() -> None:
        await _query(lambda: enough.of(0, 2))
        raise error

    def drive() -> None:
        with asyncio.Runner() as runner:
            runner.run(wrap(handler, STACK)())

    with pytest.raises(error):
        drive()
    assert not _samplers()
    assert "_query" in _functions(_of(watched))


def test_local_variables_die_with_the_call(watched: Seen, enough: Enough) -> None:
    """No frame is held after a step: its variables are freed without a collection."""

    class Large:
        pass

    held: list[weakref.ref[Large]] = []

    def handler() -> None:
        large = Large()
        held.append(weakref.ref(large))
        _spin(lambda: enough.of(0, 5))

    gc.disable()
    try:
        wrap(handler, STACK)()
        is_freed = held[0]() is None
    finally:
        gc.enable()
    assert is_freed


def test_collection_stays_on_or_off_as_it_was(enough: Enough) -> None:
    for is_on in (False, True):
        (gc.enable if is_on else gc.disable)()
        session = StackProbe(interval=0.001).open()
        enough.sessions = [session]
        session.resume()
        _spin(lambda: enough.of(0, 2))
        session.close()
        assert gc.isenabled() is is_on


def test_without_a_thread_there_are_no_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    session = StackProbe().open()
    with monkeypatch.context() as patched:
        patched.setattr(sampler._Thread, "start", refuse)
        session.resume()
    session.suspend()
    session.close()
    assert session.evidence()[0].note == NO_SAMPLES


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_process_samples_with_a_thread_of_its_own(enough: Enough) -> None:
    session = enough.open()
    session.resume()
    child = os.fork()
    if child == 0:
        session.close()
        own = enough.open()
        own.resume()
        _spin(lambda: enough.of(1, 2))
        own.close()
        os._exit(0 if enough.taken(1) >= 2 and not _samplers() else 1)
    session.close()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
