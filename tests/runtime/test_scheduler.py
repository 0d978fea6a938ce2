"""The one background thread."""

from __future__ import annotations

import threading
import time

import pytest

from perfkit.runtime.scheduler import Scheduler


@pytest.mark.usefixtures("lenient")
def test_a_job_runs_again_and_again_though_it_fails_until_it_is_cancelled() -> None:
    scheduler, ran, often = Scheduler(), [], threading.Event()

    def run() -> None:
        ran.append(1)
        if len(ran) >= 3:
            often.set()
        raise ValueError

    job = scheduler.every(0.01, run, "test")
    assert often.wait(20)
    scheduler.cancel(job)
    before = len(ran)
    time.sleep(0.05)
    assert len(ran) == before
    assert "perfkit-ticker" not in {thread.name for thread in threading.enumerate()}


def test_jobs_share_one_thread() -> None:
    scheduler, names = Scheduler(), set()
    both = threading.Barrier(2, timeout=20)

    jobs = [
        scheduler.every(0.01, lambda: names.add(threading.current_thread()), "a") for _ in range(3)
    ]
    jobs.append(scheduler.every(0.03, lambda: both.n_waiting and both.wait(), "b"))
    both.wait()
    for job in jobs:
        scheduler.cancel(job)
    assert len(names) == 1


def test_a_job_may_cancel_itself() -> None:
    scheduler, done = Scheduler(), threading.Event()

    def run() -> None:
        scheduler.cancel(job)
        done.set()

    job = scheduler.every(0.01, run, "once")
    assert done.wait(20)


def test_a_job_can_be_hastened() -> None:
    scheduler, done = Scheduler(), threading.Event()
    job = scheduler.every(3600, done.set, "late")
    scheduler.speed_up(job, 0.01)
    assert done.wait(20)
    scheduler.cancel(job)
