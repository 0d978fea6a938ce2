"""No violation vanishes without a count: 100,000 of them, whatever the sinks do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.faults import accounting
from tests.processes import environment
from tests.receivers.webhook import Exchange, WebhookReceiver, answer

ROOT = Path(__file__).parents[2]
_HUNG_SECONDS = 600.0
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


class Flaky:
    """Answers every third request with an error, and counts what it has said yes to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = 0
        self.accepted = 0

    def __call__(self, exchange: Exchange) -> None:
        with self._lock:
            self._requests += 1
            is_good = self._requests % 3 != 0
            if is_good:
                self.accepted += len(exchange.request.json()["violations"])
        answer(200 if is_good else 500)(exchange)


class Done:
    """What was reported, and what has arrived."""

    def __init__(self, reports: list[Any], folder: Path, accepted: int) -> None:
        self.reports = reports
        self.accepted = accepted
        self.lines = {
            name: (folder / f"{name}.jsonl").read_text().splitlines() for name in accounting.FILES
        }

    def total(self, sink: str, key: str) -> int:
        return sum(report["accounts"][sink][key] for report in self.reports)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Let it happen once, for all tests here."""
    folder = tmp_path_factory.mktemp("accounting")
    flaky = Flaky()
    with WebhookReceiver() as receiver:
        receiver.always(flaky)
        process = subprocess.run(
            [
                sys.executable,
                "-Wignore::DeprecationWarning",
                "-m",
                "tests.faults.accounting",
                str(folder),
                receiver.url,
            ],
            check=False,
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=_HUNG_SECONDS,
            env=environment(),
        )
        assert process.returncode == 0, process.stderr[-3000:]
    reports = json.loads(process.stdout)
    assert all(isinstance(report, dict) for report in reports), reports
    return Done(reports, folder, flaky.accepted)


def test_there_are_a_hundred_thousand_in_five_processes(done: Done) -> None:
    assert accounting.TOTAL == 100_000
    assert len(done.reports) == 5
    assert sum(report["raised"] for report in done.reports) == 100_000


def test_each_account_adds_up_exactly_in_each_process(done: Done) -> None:
    assert all(report["is_flushed"] for report in done.reports)
    wrong = [
        (sink, stats)
        for report in done.reports
        for sink, stats in report["accounts"].items()
        if stats["waiting"] != 0
        or stats["raised"]
        != stats["delivered"]
        + sum(stats["suppressed_by"].values())
        + sum(stats["dropped_by"].values())
    ]
    assert wrong == []


def test_each_sink_was_given_each_violation_of_its_process(done: Done) -> None:
    wrong = [
        (sink, stats["raised"], report["raised"])
        for report in done.reports
        for sink, stats in report["accounts"].items()
        if stats["raised"] != report["raised"] + (sink == "Recursing") * report["recursed"]
    ]
    assert wrong == []
    assert done.total("lines", "raised") == 100_000


@pytest.mark.parametrize("name", accounting.FILES)
def test_what_is_delivered_is_in_the_file(name: str, done: Done) -> None:
    lines = [json.loads(line) for line in done.lines[name]]
    assert len(lines) == done.total(name, "delivered")
    assert all(line["state"] == "violated" for line in lines)


def test_what_is_delivered_was_heard_in_each_process(done: Done) -> None:
    for report in done.reports:
        assert report["accounts"]["Hearing"]["delivered"] == report["heard"]


def test_what_is_delivered_was_accepted_by_the_receiver(done: Done) -> None:
    assert done.accepted == done.total("webhook", "delivered") > 0


def test_a_queue_with_room_loses_nothing(done: Done) -> None:
    assert len(done.lines["lines"]) == 100_000


@pytest.mark.parametrize(
    ("sink", "kind", "reason"),
    [
        ("limited", "suppressed_by", "rate limit"),
        ("deduped", "suppressed_by", "duplicate"),
        ("filtered", "suppressed_by", "filter"),
        ("small", "dropped_by", "queue full"),
        ("unwritable", "dropped_by", "failed"),
        ("Raising", "dropped_by", "failed"),
        ("Sleeping", "dropped_by", "queue full"),
        ("Recursing", "dropped_by", "recursion"),
    ],
)
def test_what_is_not_delivered_has_its_reason(
    sink: str, kind: str, reason: str, done: Done
) -> None:
    assert sum(report["accounts"][sink][kind].get(reason, 0) for report in done.reports) > 0


def test_what_is_held_back_is_told_with_the_next(done: Done) -> None:
    """Of each process the first line of a kind stands for itself, the next for all between."""
    told = sum(json.loads(line)["suppressed"] for line in done.lines["deduped"])
    suppressed = sum(
        sum(report["accounts"]["deduped"]["suppressed_by"].values()) for report in done.reports
    )
    assert 0 < told <= suppressed
