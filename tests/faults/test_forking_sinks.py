"""A sink that forks leaves no process behind, and its child delivers nothing of the parent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import perfkit
from perfkit import Violation
from tests.faults.conftest import Accounts
from tests.faults.programs import run
from tests.faults.sinks import LONGEST, Forking, Hearing

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]


class Writing(Forking):
    """Writes each violation into a file first, which shows what a child delivers."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def fail(self, violation: Violation) -> None:
        with self.path.open("a") as file:
            file.write(f"{violation.budget.name}\n")
        super().fail(violation)


def test_it_leaves_no_process_behind_and_no_child_that_delivers_what_waits(
    accounts: Accounts, tmp_path: Path
) -> None:
    forking, hearing = Writing(tmp_path / "written"), Hearing()
    perfkit.configure(perfkit.Catalog(), sinks=[forking, hearing], delivery="background")
    names = ["a", "b", "c"]
    for name in names:
        with perfkit.budget(name, duration="0s"):
            pass
    assert perfkit.flush_sinks(LONGEST)
    children = len(forking.children)
    assert forking.reap() == [0] * children
    assert forking.calls == len(hearing.heard) == accounts()["Writing"].delivered == 3
    assert forking.path.read_text().split() == names


_WORKER = """
    import multiprocessing
    context = multiprocessing.get_context("fork")
    reports = context.Queue()

    def work():
        heard = []
        perfkit.configure(perfkit.Catalog(), sinks=[heard.append], delivery="inline",
                          unknown_budgets="ignore")
        break_budgets(5)
        reports.put(len(heard))

    def start_a_worker(_):
        worker = context.Process(target=work)
        worker.start()
        worker.join()

    perfkit.configure(perfkit.Catalog(), sinks=[start_a_worker], delivery={delivery!r},
                      unknown_budgets="ignore")
    break_budgets(1)
    tell(reports.get(timeout=50))
"""


@pytest.mark.parametrize("delivery", ["background", "inline"])
def test_a_worker_that_a_sink_starts_delivers_its_own(delivery: str) -> None:
    ended = run(_WORKER.format(delivery=delivery))
    assert ended.code == 0, ended.errors
    assert ended.told == [5]
