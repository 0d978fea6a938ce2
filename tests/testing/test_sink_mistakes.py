"""A sink that is not as perfkit expects it is told what it does, and what to do instead."""

from __future__ import annotations

import io
import locale
import logging
import os
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from perfkit import DeliveryError, Violation
from perfkit.sinks import WebhookSink
from perfkit.testing import check_sink, sample_violations
from tests.receivers.webhook import WebhookReceiver, answer, closed_port
from tests.testing import broken_sinks as broken

LONGEST = 20.0
"""Seconds: far longer than any delivery takes, on a machine that is busy too."""


def report_on(sink: Any, **options: Any) -> str:
    with pytest.raises(AssertionError) as caught:
        check_sink(sink, **{"longest_seconds": LONGEST, **options})
    return str(caught.value)


MISTAKES: list[tuple[Callable[[], Any], Sequence[str]]] = [
    (broken.Async, ["it returned a coroutine, which nobody awaits", "perfkit.sinks.CallbackSink"]),
    (broken.Promises, ["it returned a Promise, which nobody awaits"]),
    (broken.Answers, ["emit, given a plain violation; ", "it returned True", "return None"]),
    (
        broken.NoRecoveries,
        ["given a window that holds again", "KeyError", "violations of every kind"],
    ),
    (broken.NoSurrogates, ["given text that is no valid Unicode:", "UnicodeEncodeError"]),
    (broken.Formats, ["given quotes, braces and percent signs:", "it raised"]),
    (broken.WritesDetails, ["given evidence of kind cpu", "keys must be str"]),
    (broken.Finite, ["given an infinite value:", "OverflowError"]),
    (
        broken.Changes,
        ["given evidence of kind cpu", "it changed the violation", "copy what it changes"],
    ),
    (broken.ChangesDetails, ["given evidence of kind cpu", "it changed the violation"]),
    (broken.Exits, ["it raised SystemExit: 1, which ends threads", "raise perfkit.DeliveryError"]),
    (broken.OneAtATime, ["emit, from 8 threads at once", "somebody else is here", "a lock"]),
    (
        broken.RunsALoop,
        ["emit, in a thread whose event loop is running", "RuntimeError", "CallbackSink"],
    ),
    (broken.OnlyOne, ["emit_many, given a tuple of 150", "too many", "any sequence of violations"]),
    (
        broken.Generates,
        ["emit_many, given a tuple of 1; emit_many, given a tuple of 150", "<map object>"],
    ),
    (broken.TicksWithNonsense, ["tick:", "it returned -1.0", "seconds"]),
    (broken.TicksWithTruth, ["tick:", "it returned True"]),
    (broken.TicksAsync, ["tick:", "it returned <coroutine"]),
    (broken.FailsToTick, ["tick:", "KeyError"]),
    (broken.NeverFlushed, ["something waits still"]),
    (broken.FlushesHow, ["it returned 'done'", "whether nothing waits"]),
    (broken.FlushesWithout, ["flush(20):", "TypeError", "let it take the seconds"]),
    (broken.ClosesOnce, ["close, for the second time:", "closed already"]),
    (broken.ClosesInTime, ["close, for the second time:", "closed already"]),
    (broken.SaysTwoLines, ["destination:", r"'first\nsecond'", "one line of text"]),
    (broken.SaysNothing, ["destination:", "it is ''"]),
    (broken.CannotSay, ["destination:", "OSError: not connected"]),
    (broken.Prints, [r"it wrote 'hello\nhello", "to standard output", "may_print=True"]),
    (broken.PrintsErrors, ["it wrote 'oh ", "to standard error"]),
    (
        broken.ParentOnly,
        ["in a forked child of the process:", "RuntimeError: connection lost", "anew"],
    ),
    (broken.LosesInChild, ["in a forked child of the process:", "did not bring it away"]),
    (broken.DiesInChild, ["in a forked child of the process:", "the child ended with -9"]),
    (broken.WaitsForNonsense, ["given a test", "retry_after=-1.0", "seconds from now"]),
    (broken.FailsWithoutReason, ["given a test", "reason=''", "one word"]),
]


@pytest.mark.parametrize(("make", "told"), MISTAKES, ids=[each[0].__name__ for each in MISTAKES])
def test_a_mistake_is_told(make: Callable[[], Any], told: Sequence[str]) -> None:
    report = report_on(make())
    assert report.startswith(f"{make.__name__} is not yet a sink as perfkit expects them: ")
    assert [each for each in told if each not in report] == []
    assert "Instead: " in report


@pytest.mark.parametrize(
    "make",
    [broken.NoSurrogates, broken.OneAtATime, broken.OnlyOne, broken.TicksAsync, broken.ParentOnly],
)
def test_one_mistake_is_one_problem(make: Callable[[], Any]) -> None:
    assert ": 1 problem\n" in report_on(make())


def test_all_mistakes_are_told_at_once() -> None:
    class Careless(broken.NoSurrogates, broken.TicksAsync, broken.SaysNothing, broken.FlushesHow):
        pass

    report = report_on(Careless())
    assert ": 4 problems\n" in report
    assert [f"\n{number}. " in report for number in range(1, 6)] == [True] * 4 + [False]


def test_what_printing_sinks_print_is_theirs() -> None:
    check_sink(broken.Prints(), may_print=True)


def test_what_a_program_cannot_print_is_told_of_those_too() -> None:
    class PrintsNames(broken.Good):
        def emit(self, violation: Violation) -> None:
            print(violation.budget.name)  # noqa: T201 - that is what it is for

    assert "UnicodeEncodeError" in report_on(PrintsNames(), may_print=True)


@pytest.mark.parametrize("error", [DeliveryError("refused"), ConnectionRefusedError("refused")])
def test_a_sink_without_its_backend_cannot_be_checked(error: Exception) -> None:
    class Failing(broken.Good):
        def emit(self, violation: Violation) -> None:
            raise error

    report = report_on(Failing())
    assert ": 1 problem\n" in report
    assert "cannot be checked without its backend" in report


def test_our_own_say_so_too() -> None:
    sink = WebhookSink(f"http://127.0.0.1:{closed_port()}")
    assert "cannot be checked without its backend" in report_on(sink)


def test_a_backend_that_refuses_some_is_told() -> None:
    with WebhookReceiver() as receiver:
        receiver.then(*[answer()] * 10, answer(400))
        sink = WebhookSink(receiver.url, body="{budget}")
        assert "responded with 400" in report_on(sink)


def test_where_there_is_no_fork_none_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fork", raising=False)
    check_sink(broken.ParentOnly(), longest_seconds=LONGEST)


def test_a_sink_that_hangs_does_not_hang_the_check() -> None:
    is_over = threading.Event()

    class Hangs(broken.Good):
        def emit(self, violation: Violation) -> None:
            if violation.is_test:
                is_over.wait()

    try:
        report = report_on(Hangs(), longest_seconds=0.2)
    finally:
        is_over.set()
        for thread in threading.enumerate():
            if thread.name == "perfkit-check":
                thread.join()
    assert "emit, given a test:\n   it had not ended after 0.2 s." in report
    assert "nothing more was checked" in report


def test_a_sink_that_hangs_in_a_child_is_told() -> None:
    class HangsInChild(broken.ParentOnly):
        def emit(self, violation: Violation) -> None:
            if os.getpid() != self.pid:
                time.sleep(1000)

    report = report_on(HangsInChild(), longest_seconds=0.2)
    assert "in a forked child of the process:\n   it had not ended after 0.6 s." in report


def test_a_thread_that_keeps_the_program_from_ending_is_told() -> None:
    is_over = threading.Event()

    class LeavesAThread(broken.Good):
        def emit(self, violation: Violation) -> None:
            if violation.is_test:
                threading.Thread(target=is_over.wait, name="leaver").start()

    try:
        report = report_on(LeavesAThread(), longest_seconds=0.5)
    finally:
        is_over.set()
        for thread in threading.enumerate():
            if thread.name == "leaver":
                thread.join()
    assert "the thread 'leaver' runs on" in report
    assert "daemon=True" in report


@frozen
class Change:
    """Something of the application's that a sink changes, and how the test puts it back."""

    what: str
    change: Callable[[], object]
    put_back: Callable[[], object]


def hear(*_: Any) -> None:
    """Stand in for any hook."""


HANDLER = logging.NullHandler()
CHANGES = [
    Change(
        "sys.excepthook",
        lambda: setattr(sys, "excepthook", hear),
        lambda: setattr(sys, "excepthook", sys.__excepthook__),
    ),
    Change(
        "threading.excepthook",
        lambda: setattr(threading, "excepthook", hear),
        lambda: setattr(threading, "excepthook", threading.__excepthook__),
    ),
    Change("sys.stdout", lambda: setattr(sys, "stdout", io.StringIO()), hear),
    Change(
        "the configuration of logging",
        lambda: logging.getLogger().addHandler(HANDLER),
        lambda: logging.getLogger().removeHandler(HANDLER),
    ),
    Change(
        "what logging disables",
        lambda: logging.disable(logging.DEBUG),
        lambda: logging.disable(logging.NOTSET),
    ),
    Change("the filters of warnings", lambda: warnings.simplefilter("ignore"), hear),
    Change("the umask", lambda: os.umask(0o077), lambda: os.umask(os.umask(0o022) and 0o022)),
    Change(
        "the environment variables",
        lambda: os.environ.update(OF_A_SINK="1"),
        lambda: os.environ.pop("OF_A_SINK"),
    ),
    Change(
        "the locale",
        lambda: locale.setlocale(locale.LC_NUMERIC, "C.UTF-8"),
        lambda: locale.setlocale(locale.LC_NUMERIC, "C"),
    ),
    Change(
        "the default timeout of sockets",
        lambda: socket.setdefaulttimeout(5),
        lambda: socket.setdefaulttimeout(None),
    ),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.what)
@pytest.mark.skipif(sys.platform == "win32", reason="names of locales are others there")
def test_a_change_of_what_is_the_application_s_is_told(change: Change) -> None:
    class Meddles(broken.Good):
        is_done = False

        def emit(self, violation: Violation) -> None:
            if not self.is_done:
                self.is_done = True
                change.change()

    try:
        report = report_on(Meddles())
    finally:
        change.put_back()
    assert f"it changed {change.what}" in report


def test_a_change_of_the_working_directory_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path.cwd())

    class Moves(broken.Good):
        def emit(self, violation: Violation) -> None:
            os.chdir(tmp_path)

    assert "it changed the working directory" in report_on(Moves())


@pytest.mark.parametrize(
    ("sink", "complaint"),
    [(broken.Good, "is a class"), ("log", "'log' is a name"), (42, "is not a sink")],
    ids=["class", "name", "neither"],
)
def test_what_is_no_sink_at_all_is_said(sink: Any, complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        check_sink(sink)


def test_samples_are_equal_each_time_and_each_is_special() -> None:
    samples = sample_violations(7)
    assert samples == sample_violations(7)
    assert len(set(samples)) == len(samples)
    assert {each.at_ns for each in samples.values()} == {7}
    first, *others = samples.values()
    assert first not in others


def test_samples_have_a_sentence_in_one_line() -> None:
    for violation in sample_violations().values():
        assert violation.describe().isprintable()
