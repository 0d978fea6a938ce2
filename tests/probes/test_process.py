"""The memory of the process."""

from __future__ import annotations

import os

import psutil

from perfkit.model import Metric
from perfkit.probes.process import ResidentMemoryProbe


def _read(probe: ResidentMemoryProbe) -> dict[Metric, float]:
    session = probe.open()
    session.resume()
    session.suspend()
    return {metric: reading.value or 0.0 for metric, reading in session.close().items()}


def test_resident_memory_is_what_the_system_says() -> None:
    values = _read(ResidentMemoryProbe())
    assert 0.5 < values[Metric.MEMORY_RSS] / psutil.Process().memory_info().rss < 2
    assert abs(values[Metric.MEMORY_GROWTH]) < 50e6


def test_growth_is_from_the_first_step_to_the_end() -> None:
    session = ResidentMemoryProbe().open()
    session.resume()
    session.suspend()
    held = b"x" * 60_000_000
    session.resume()
    session.suspend()
    growth = session.close()[Metric.MEMORY_GROWTH].value
    assert growth is not None
    assert growth > 50e6
    del held


def test_a_child_process_reads_itself_and_not_its_parent() -> None:
    probe = ResidentMemoryProbe()
    ballast = b"x" * 100_000_000
    child = os.fork()
    if child == 0:
        reads_itself = probe.open()._process.pid == os.getpid()
        os._exit(0 if reads_itself else 1)
    del ballast
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
