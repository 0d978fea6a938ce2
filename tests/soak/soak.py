"""One soak, from the first call to the last."""

from __future__ import annotations

import gc
import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import perfkit
from perfkit.runtime import internal_errors, window_registry
from perfkit.runtime.in_flight import InFlight
from perfkit.sinks import CallbackSink, DeliveryQueue
from tests.soak import promises
from tests.soak.backend import Backend
from tests.soak.book import Book
from tests.soak.child import run_in_child
from tests.soak.leftovers import Traces, resident_bytes, traces
from tests.soak.load import Load
from tests.soak.tasks import Tasks

SECONDS: Final = float(os.environ.get("PERFKIT_SOAK_SECONDS", "4"))
SEED: Final = int(os.environ.get("PERFKIT_SOAK_SEED", "4"))
_THREADS: Final = 8


class Soak:
    """Everything at once for a while, and what came of it.

    Args:
        folder: Where the child says what is wrong.

    Attributes:
        child_says: What is wrong with the forked child; empty if nothing is.
        grown_bytes: By how much the process has grown from half way to when all was over.
        verdicts: How every limit over a window stood after the last call.
        in_flight: Every count of calls that run at once.
        faults: How often perfkit failed, by part.
        is_flushed: Whether all that waited for a sink has reached it.
        before, after: What there was in the process.
    """

    def __init__(self, folder: Path) -> None:
        self.book = Book()
        self.load = Load(self.book)
        self.child_says = ""
        self.grown_bytes = self._half_way_bytes = 0
        self.verdicts: tuple[perfkit.Verdict, ...] = ()
        self.in_flight: set[InFlight] = set()
        self.before = self.after = _traces_of_a_process_in_use()
        self._folder = folder
        self._faults_before = internal_errors.counts()
        self.is_flushed = False
        self.backend = Backend()
        self._later = DeliveryQueue(CallbackSink(self._hear_later), size=1_000_000)

    def run(self) -> None:
        """Run it all, from settings to `perfkit.reset`."""
        try:
            with _more_switches():
                self._put_load_on()
            self._settle()
        finally:
            self.backend.close()
            perfkit.reset()
        gc.collect()
        self.after = traces()
        self.grown_bytes = resident_bytes() - self._half_way_bytes
        self.internal_errors = {
            part: count - self._faults_before.get(part, 0)
            for part, count in internal_errors.counts().items()
            if count != self._faults_before.get(part, 0)
        }

    def _put_load_on(self) -> None:
        self._configure(tells=True)
        stop = threading.Event()
        jobs = [self.load.run] * _THREADS + [Tasks(self.load).run]
        threads = [
            threading.Thread(target=job, args=(SEED * 1000 + number, stop))
            for number, job in enumerate(jobs)
        ]
        with perfkit.monitor("process", interval=0.05):
            for thread in threads:
                thread.start()
            try:
                self._disturb()
            finally:
                stop.set()
                for thread in threads:
                    thread.join()

    def _disturb(self) -> None:
        """Change the settings about once a second, and fork in the middle."""
        rounds = max(4, round(SECONDS))
        for number in range(rounds):
            time.sleep(SECONDS / rounds)
            self._configure(tells=number % 3 == 0)
            if number == rounds // 2:
                self.child_says = run_in_child(self.load, self.backend, self._folder)
                self._half_way_bytes = resident_bytes()

    def _configure(self, *, tells: bool) -> None:
        self._note_in_flight()
        perfkit.configure(
            promises.catalog(tells=tells),
            telemetry=self.backend.telemetry,
            sinks=[self._hear, self._later],
            unknown_budgets="ignore",
            evidence_interval=0.2,
            max_overhead=0.2,
        )

    def _hear(self, violation: perfkit.Violation) -> None:
        if violation.limit.statistic == "each":
            self.book.hear(violation.budget.name)

    def _hear_later(self, violation: perfkit.Violation) -> None:
        if violation.limit.statistic == "each":
            self.book.hear(violation.budget.name, is_late=True)

    def _note_in_flight(self) -> None:
        windows = list(window_registry._registry.windows.values())
        self.in_flight |= {each.in_flight for each in windows if each.in_flight is not None}

    def _settle(self) -> None:
        """Let what was abandoned come to its end, and judge for the last time."""
        gc.collect()
        self.load.act_on_all(random.Random(SEED))  # noqa: S311 - nothing secret
        gc.collect()
        self._note_in_flight()
        self.verdicts = perfkit.evaluate_windows()
        self.is_flushed = perfkit.flush_sinks(60)


def _traces_of_a_process_in_use() -> Traces:
    """Return what there is once the readers of /proc have opened their files, to keep them."""
    perfkit.configure(perfkit.Catalog(), sinks=[])
    with perfkit.budget("first", memory_growth="1TB", disk_write_rate="1TB/s"):
        pass
    perfkit.reset()
    return traces()


@contextmanager
def _more_switches() -> Iterator[None]:
    """Let threads take turns ten times as often as usual."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 10)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
