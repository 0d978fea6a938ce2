"""A sink that is not as perfkit expects it is told what it does, and what to do instead."""

from __future__ import annotations

import asyncio
import io
import json
import locale
import logging
import os
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from perfkit import DeliveryError, State, Violation
from perfkit.sinks import WebhookSink
from perfkit.testing import check_sink, sample_violations
from tests.receivers.webhook import WebhookReceiver, answer, closed_port

LONGEST = 20.0
"""Seconds: far longer than any delivery takes, on a machine that is busy too."""

PARENT = os.getpid()


class Good:
    """A sink without a mistake, which those with one derive from."""

    def emit(self, violation: Violation) -> Any:
        """Take it."""


def sink(**members: Any) -> Any:
    """Return a good sink, with other methods or attributes than it."""
    return type("Broken", (Good,), members)()


def doing(work: Callable[[Violation], object]) -> Any:
    """Return a sink that does something with each violation."""

    def emit(_: Any, violation: Violation) -> None:
        work(violation)

    return sink(emit=emit)


def report_on(sink: Any, **options: Any) -> str:
    with pytest.raises(AssertionError) as caught:
        check_sink(sink, **{"longest_seconds": LONGEST, **options})
    return str(caught.value)


async def a_coroutine(*_: Any) -> None:
    await asyncio.sleep(0)


class Promise:
    """Can be awaited, and is no coroutine."""

    def __await__(self) -> Generator[None, None, None]:
        yield


def run_a_loop(_: Violation) -> None:
    loop = asyncio.new_event_loop()
    loop.call_soon(loop.stop)
    try:
        loop.run_forever()
    finally:
        loop.close()


def fail_on_a_test(error: Exception) -> Callable[[Violation], None]:
    def fail(violation: Violation) -> None:
        if violation.is_test:
            raise error

    return fail


ONLY_ONE = threading.Lock()


def only_one_at_a_time(_: Violation) -> None:
    if not ONLY_ONE.acquire(blocking=False):
        raise RuntimeError("somebody else is here")
    time.sleep(0.002)
    ONLY_ONE.release()


def only_few(_: Any, violations: Sequence[Violation]) -> None:
    if len(violations) > 100:
        raise ValueError("too many")


def close_once(self: Any) -> None:
    if hasattr(self, "is_closed"):
        raise ValueError("closed already")
    self.is_closed = True


def parent_only(_: Violation) -> None:
    if os.getpid() != PARENT:
        raise RuntimeError("connection lost")


def die_in_a_child(_: Violation) -> None:
    if os.getpid() != PARENT:
        os.kill(os.getpid(), signal.SIGKILL)


def raise_os_error(_: Any) -> None:
    raise OSError("not connected")


MISTAKES: dict[str, tuple[Any, list[str]]] = {
    "a coroutine": (sink(emit=a_coroutine), ["it returned <cor", "nobody awaits", "CallbackSink"]),
    "a promise": (sink(emit=lambda *_: Promise()), ["Promise object>, which nobody awaits"]),
    "an answer": (
        sink(emit=lambda *_: True),
        ["emit, given a plain violation; ", "it returned True", "return None"],
    ),
    "no recoveries": (
        doing(lambda each: {State.DEGRADED: "info", State.VIOLATED: "error"}[each.state]),
        ["given a window that holds again", "KeyError", "violations of every kind"],
    ),
    "no surrogates": (
        doing(lambda each: each.budget.name.encode()),
        ["given text that is no valid Unicode:", "UnicodeEncodeError"],
    ),
    "formats": (
        doing(lambda each: each.where.function % ()),
        ["given quotes, braces and percent signs:", "it raised"],
    ),
    "writes details": (
        doing(lambda each: [json.dumps(dict(evidence.detail)) for evidence in each.evidence]),
        ["given evidence of kind cpu", "keys must be str"],
    ),
    "finite": (
        doing(lambda each: int(each.value)),
        ["given an infinite value:", "OverflowError"],
    ),
    "changes rows": (
        doing(lambda each: [row.clear() for found in each.evidence for row in found.rows]),  # type: ignore[attr-defined]  # that is the mistake
        ["given evidence of kind cpu", "it changed the violation", "copy what it changes"],
    ),
    "changes details": (
        doing(lambda each: [found.detail.clear() for found in each.evidence]),  # type: ignore[attr-defined]  # as above
        ["given evidence of kind cpu", "it changed the violation"],
    ),
    "exits": (
        doing(lambda _: sys.exit(1)),
        ["it raised SystemExit: 1, which ends threads", "raise perfkit.DeliveryError"],
    ),
    "one at a time": (
        doing(only_one_at_a_time),
        ["emit, from 8 threads at once", "somebody else is here", "a lock"],
    ),
    "runs a loop": (
        doing(run_a_loop),
        ["emit, in a thread whose event loop is running", "RuntimeError", "CallbackSink"],
    ),
    "only few": (
        sink(emit_many=only_few),
        ["emit_many, given a tuple of 150", "too many", "any sequence of violations"],
    ),
    "generates": (
        sink(emit_many=lambda self, violations: map(self.emit, violations)),
        ["emit_many, given a tuple of 1; emit_many, given a tuple of 150", "<map object>"],
    ),
    "tick: nonsense": (sink(tick=lambda _: -1.0), ["tick:", "it returned -1.0", "seconds"]),
    "tick: true": (sink(tick=lambda _: True), ["tick:", "it returned True"]),
    "tick: a coroutine": (sink(tick=a_coroutine), ["tick:", "it returned <coroutine"]),
    "tick: fails": (sink(tick=raise_os_error), ["tick:", "OSError"]),
    "flush: never": (sink(flush=lambda *_: False), ["it returned False", "whether nothing waits"]),
    "flush: how": (sink(flush=lambda *_: "done"), ["it returned 'done'", "all that was given"]),
    "flush: no time": (sink(flush=lambda _: None), ["flush(20):", "TypeError", "the seconds"]),
    "close: once": (sink(close=close_once), ["close, for the second time:", "closed already"]),
    "destination: two lines": (
        sink(destination="first\nsecond"),
        ["destination:", r"'first\nsecond'", "one line of text"],
    ),
    "destination: none": (sink(destination=""), ["destination:", "it is ''"]),
    "destination: fails": (
        sink(destination=property(raise_os_error)),
        ["destination:", "OSError: not connected"],
    ),
    "prints": (
        doing(lambda _: print("hello")),  # noqa: T201 - that is the mistake
        [r"it wrote 'hello\nhello", "to standard output", "may_print=True"],
    ),
    "prints errors": (
        doing(lambda _: sys.stderr.write("oh \udcff\n")),
        ["it wrote 'oh ", "to standard error"],
    ),
    "child: fails": (
        doing(parent_only),
        ["in a forked child of the process:", "RuntimeError: connection lost", "anew"],
    ),
    "child: loses": (
        sink(flush=lambda *_: os.getpid() == PARENT),
        ["in a forked child of the process:", "did not bring it away"],
    ),
    "child: dies": (
        doing(die_in_a_child),
        ["in a forked child of the process:", "the child ended with -9"],
    ),
    "waits for nonsense": (
        doing(fail_on_a_test(DeliveryError("busy", retry_after=-1.0))),
        ["given a test", "retry_after=-1.0", "seconds from now"],
    ),
    "fails without a reason": (
        doing(fail_on_a_test(DeliveryError("busy", reason=""))),
        ["given a test", "reason=''", "one word"],
    ),
}


@pytest.mark.parametrize(("broken", "told"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told(broken: Any, told: Sequence[str]) -> None:
    report = report_on(broken)
    assert report.startswith("Broken is not yet a sink as perfkit expects them: ")
    assert [each for each in told if each not in report] == []
    assert "Instead: " in report


@pytest.mark.parametrize(
    "name", ["no surrogates", "one at a time", "only few", "tick: a coroutine", "child: fails"]
)
def test_one_mistake_is_one_problem(name: str) -> None:
    assert ": 1 problem\n" in report_on(MISTAKES[name][0])


def test_all_mistakes_are_told_at_once() -> None:
    careless = [MISTAKES[name][0] for name in ("no surrogates", "tick: a coroutine", "flush: how")]
    report = report_on(type("Careless", tuple(map(type, careless)), {"destination": ""})())
    assert ": 4 problems\n" in report
    assert [f"\n{number}. " in report for number in range(1, 6)] == [True] * 4 + [False]


def test_what_printing_sinks_print_is_theirs() -> None:
    check_sink(MISTAKES["prints"][0], may_print=True)


def test_what_a_program_cannot_print_is_told_of_those_too() -> None:
    prints_names = doing(lambda each: print(each.budget.name))  # noqa: T201 - that is what it is for
    assert "UnicodeEncodeError" in report_on(prints_names, may_print=True)


@pytest.mark.parametrize("error", [DeliveryError("refused"), ConnectionRefusedError("refused")])
def test_a_sink_without_its_backend_cannot_be_checked(error: Exception) -> None:
    def fail(_: Violation) -> None:
        raise error

    report = report_on(doing(fail))
    assert ": 1 problem\n" in report
    assert "cannot be checked without its backend" in report


def test_our_own_say_so_too() -> None:
    assert "without its backend" in report_on(WebhookSink(f"http://127.0.0.1:{closed_port()}"))


def test_a_backend_that_refuses_some_is_told() -> None:
    with WebhookReceiver() as receiver:
        receiver.then(*[answer()] * 10, answer(400))
        sink = WebhookSink(receiver.url, body="{budget}")
        assert "responded with 400" in report_on(sink)


def test_where_there_is_no_fork_none_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fork", raising=False)
    check_sink(doing(parent_only), longest_seconds=LONGEST)


def test_a_sink_that_hangs_does_not_hang_the_check() -> None:
    is_over = threading.Event()
    try:
        report = report_on(doing(lambda each: each.is_test and is_over.wait()), longest_seconds=0.2)
    finally:
        is_over.set()
        join("perfkit-check")
    assert "emit, given a test:\n   it had not ended after 0.2 s." in report
    assert "nothing more was checked" in report


def test_a_sink_that_hangs_in_a_child_is_told() -> None:
    hanging = doing(lambda _: os.getpid() == PARENT or time.sleep(1000))
    report = report_on(hanging, longest_seconds=0.2)
    assert "in a forked child of the process:\n   it had not ended after 0.6 s." in report


def test_a_thread_that_keeps_the_program_from_ending_is_told() -> None:
    is_over = threading.Event()

    def leave_a_thread(violation: Violation) -> None:
        if violation.is_test:
            threading.Thread(target=is_over.wait, name="leaver").start()

    try:
        report = report_on(doing(leave_a_thread), longest_seconds=0.5)
    finally:
        is_over.set()
        join("leaver")
    assert "the thread 'leaver' runs on" in report
    assert "daemon=True" in report


def join(name: str) -> None:
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join()


def hear(*_: Any) -> None:
    """Stand in for any hook."""


HANDLER = logging.NullHandler()
HERE = Path.cwd()
CHANGES: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
    "sys.excepthook": (
        lambda: setattr(sys, "excepthook", hear),
        lambda: setattr(sys, "excepthook", sys.__excepthook__),
    ),
    "threading.excepthook": (
        lambda: setattr(threading, "excepthook", hear),
        lambda: setattr(threading, "excepthook", threading.__excepthook__),
    ),
    "sys.stdout": (lambda: setattr(sys, "stdout", io.StringIO()), hear),
    "the configuration of logging": (
        lambda: logging.getLogger().addHandler(HANDLER),
        lambda: logging.getLogger().removeHandler(HANDLER),
    ),
    "what logging disables": (
        lambda: logging.disable(logging.DEBUG),
        lambda: logging.disable(logging.NOTSET),
    ),
    "the filters of warnings": (lambda: warnings.simplefilter("ignore"), hear),
    "the umask": (lambda: os.umask(0o077), lambda: os.umask(os.umask(0o022) and 0o022)),
    "the environment variables": (
        lambda: os.environ.update(OF_A_SINK="1"),
        lambda: os.environ.pop("OF_A_SINK"),
    ),
    "the locale": (
        lambda: locale.setlocale(locale.LC_NUMERIC, "C.UTF-8"),
        lambda: locale.setlocale(locale.LC_NUMERIC, "C"),
    ),
    "the default timeout of sockets": (
        lambda: socket.setdefaulttimeout(5),
        lambda: socket.setdefaulttimeout(None),
    ),
    "the working directory": (lambda: os.chdir("/"), lambda: os.chdir(HERE)),
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.skipif(sys.platform == "win32", reason="names of locales are others there")
def test_a_change_of_what_is_the_application_s_is_told(what: str) -> None:
    change, put_back = CHANGES[what]
    todo = [change]
    try:
        report = report_on(doing(lambda _: todo and todo.pop()()))
    finally:
        put_back()
    assert f"it changed {what}" in report


@pytest.mark.parametrize(
    ("sink", "complaint"),
    [(Good, "is a class"), ("log", "'log' is a .*name"), (42, "is not a sink")],
    ids=["class", "name", "neither"],
)
def test_what_is_no_sink_at_all_is_said(sink: Any, complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        check_sink(sink)


def test_samples_are_equal_each_time_and_each_is_special() -> None:
    samples = sample_violations(7)
    assert samples == sample_violations(7)
    assert {each.at_ns for each in samples.values()} == {7}
    first, *others = samples.values()
    assert first not in others
    assert all(each.describe().isprintable() for each in samples.values())
