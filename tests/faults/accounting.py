"""Break budgets in threads, in tasks and in forked workers, and tell what became of them.

``python -m tests.faults.accounting FOLDER URL`` writes JSON: for each process how many violations
it raised, its accounts, and what its sinks have really heard.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any, Final, NoReturn

from attrs import asdict

import perfkit
from tests.faults.sinks import (
    Fault,
    Hearing,
    Raising,
    Recursing,
    ReturningGarbage,
    Sleeping,
)

THREADS: Final = 8
EACH_THREAD: Final = 5_000
TASKS: Final = 1_000
EACH_TASK: Final = 20
WORKERS: Final = 4
EACH_WORKER: Final = 10_000
TOTAL: Final = THREADS * EACH_THREAD + TASKS * EACH_TASK + WORKERS * EACH_WORKER
_FLUSH_SECONDS: Final = 300.0
_CATALOG: Final = """
[sinks.lines]
type = "jsonl"
path = "{folder}/lines.jsonl"
queue_size = 100000

[sinks.batched]
type = "jsonl"
path = "{folder}/batched.jsonl"
batch_size = 50
batch_wait = "100ms"

[sinks.limited]
type = "jsonl"
path = "{folder}/limited.jsonl"
rate_limit = "100/s"
burst = 10

[sinks.deduped]
type = "jsonl"
path = "{folder}/deduped.jsonl"
cooldown = "1s"

[sinks.filtered]
type = "jsonl"
path = "{folder}/filtered.jsonl"
only = {{ budget = "odd" }}

[sinks.small]
type = "jsonl"
path = "{folder}/small.jsonl"
queue_size = 3
when_full = "drop_newest"

[sinks.full]
type = "jsonl"
path = "/dev/full"

[sinks.webhook]
type = "webhook"
url = "{url}"
rate_limit = "200/s"
attempts = 2
failure_cooldown = "100ms"
"""
FILES: Final = ("lines", "batched", "limited", "deduped", "filtered", "small")


class Sinks:
    """Those of the code."""

    def __init__(self) -> None:
        self.hearing = Hearing()
        self.recursing = Recursing(is_alone=True)
        self.internal_errors: list[Fault] = [
            Raising(),
            Sleeping(),
            ReturningGarbage(),
            self.recursing,
        ]

    def after_fork_in_child(self) -> None:
        """Be as new in the child of a fork, which is to count only what is its own."""
        self.hearing.heard.clear()
        for fault in self.internal_errors:
            Fault.after_fork_in_child(fault)

    def report(self, raised: int) -> dict[str, Any]:
        """Let go of what hangs, and tell how everything stands."""
        for fault in self.internal_errors:
            fault.let_go()
        is_flushed = perfkit.flush_sinks(_FLUSH_SECONDS)
        return {
            "raised": raised,
            "is_flushed": is_flushed,
            "heard": len(self.hearing.heard),
            "recursed": self.recursing.calls,
            "accounts": {
                totals.sink: {**asdict(totals), "waiting": totals.waiting}
                for totals in perfkit.sink_stats()
            },
        }


def break_budgets(count: int) -> None:
    """Break two budgets in turn, so often in all."""
    for number in range(count):
        with perfkit.budget("odd" if number % 2 else "even", duration="0s"):
            pass


async def _break_in_tasks() -> None:
    async def task() -> None:
        for number in range(EACH_TASK):
            async with perfkit.budget("odd" if number % 2 else "even", duration="0s"):
                await asyncio.sleep(0)

    await asyncio.gather(*(task() for _ in range(TASKS)))


def main(folder: str, url: str) -> None:
    """Do it, and print the reports."""
    logging.raiseExceptions = False
    catalog = Path(folder) / "perfkit.toml"
    catalog.write_text(_CATALOG.format(folder=folder, url=url))
    sinks = Sinks()
    perfkit.configure(
        catalog,
        sinks=[sinks.hearing, *sinks.internal_errors, *FILES, "full", "webhook"],
        spans="never",
        delivery="background",
        unknown_budgets="ignore",
    )
    threads = [threading.Thread(target=break_budgets, args=(EACH_THREAD,)) for _ in range(THREADS)]
    threads.append(threading.Thread(target=lambda: asyncio.run(_break_in_tasks())))
    for thread in threads:
        thread.start()
    while (
        len(sinks.hearing.heard) < THREADS
    ):  # what is loaded once is loaded: see docs/reliability.md
        time.sleep(0.001)
    workers = [_fork_worker(sinks) for _ in range(WORKERS)]
    for thread in threads:
        thread.join()
    reports = [sinks.report(THREADS * EACH_THREAD + TASKS * EACH_TASK)]
    for pid, pipe in workers:
        with os.fdopen(pipe) as file:
            reports.append(json.loads(file.read()))
        os.waitpid(pid, 0)
    sys.stdout.write(json.dumps(reports))


def _fork_worker(sinks: Sinks) -> tuple[int, int]:
    """Fork a worker; return its number, and the pipe that it reports through."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _be_worker(sinks, writing)
    os.close(writing)
    return pid, reading


def _be_worker(sinks: Sinks, pipe: int) -> NoReturn:
    report: Any
    try:
        sinks.after_fork_in_child()
        break_budgets(EACH_WORKER)
        report = sinks.report(EACH_WORKER)
    except BaseException:  # noqa: BLE001 - the parent is to hear of anything
        report = traceback.format_exc()
    with os.fdopen(pipe, "w") as file:
        file.write(json.dumps(report))
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
