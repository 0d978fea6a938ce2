"""The one background thread."""

from __future__ import annotations

import threading
import time

from perfkit.runtime.ticker import Ticker


def test_a_job_runs_again_and_again_until_it_is_cancelled() -> None:
    ticker, ran, often = Ticker(), [], threading.Event()

    def run() -> None:
        ran.append(1)
        if len(ran) >= 3:
            often.set()

    job = ticker.every(0.01, run, "test")
    assert often.wait(20)
    ticker.cancel(job)
    before = len(ran)
    time.sleep(0.05)
    assert len(ran) == before
    assert "perfkit-ticker" not in {thread.name for thread in threading.enumerate()}


def test_jobs_share_one_thread() -> None:
    ticker, names = Ticker(), set()
    both = threading.Barrier(2, timeout=20)

    jobs = [
        ticker.every(0.01, lambda: names.add(threading.current_thread()), "a") for _ in range(3)
    ]
    jobs.append(ticker.every(0.03, lambda: both.n_waiting and both.wait(), "b"))
    both.wait()
    for job in jobs:
        ticker.cancel(job)
    assert len(names) == 1


def test_a_job_may_cancel_itself() -> None:
    ticker, done = Ticker(), threading.Event()

    def run() -> None:
        ticker.cancel(job)
        done.set()

    job = ticker.every(0.01, run, "once")
    assert done.wait(20)


def test_a_job_that_fails_is_reported_and_runs_again(lenient: None) -> None:
    ticker, ran, often = Ticker(), [], threading.Event()

    def run() -> None:
        ran.append(1)
        if len(ran) >= 2:
            often.set()
        raise ValueError

    job = ticker.every(0.01, run, "fails")
    assert often.wait(20)
    ticker.cancel(job)


def test_a_job_can_be_hastened() -> None:
    ticker, done = Ticker(), threading.Event()
    job = ticker.every(3600, done.set, "late")
    ticker.hasten(job, 0.01)
    assert done.wait(20)
    ticker.cancel(job)
