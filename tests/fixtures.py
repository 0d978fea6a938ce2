"""Fixtures for all tests: a clean perfkit before each, and nothing left behind after it."""

from __future__ import annotations

import sys
import threading
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

import perfkit
from perfkit.runtime import internal_errors
from perfkit.testing import FakeClock


@pytest.fixture(autouse=True)
def _leaves_nothing_behind() -> Iterator[None]:
    """Fail a test that leaves a thread, a profiler or memory tracing behind."""
    threads = set(threading.enumerate())
    yield
    assert not tracemalloc.is_tracing()
    assert sys.getprofile() is None
    assert set(threading.enumerate()) <= threads, threading.enumerate()


@pytest.fixture(autouse=True)
def _clean_perfkit(_leaves_nothing_behind: None) -> Iterator[None]:
    """Default settings before each test; perfkit's own faults are raised unless a test says so."""
    perfkit.reset()
    internal_errors.set_strict(is_strict=True)
    yield
    internal_errors.set_strict(is_strict=False)
    perfkit.reset()


@pytest.fixture
def lenient() -> None:
    """Swallow and count perfkit's own faults, as in production."""
    internal_errors.set_strict(is_strict=False)


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still until told."""
    return FakeClock()


class Seen:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.measurements: list[perfkit.Measurement] = []

    def start(self, *_: Any) -> Seen:
        return self

    def stop(self, measurement: perfkit.Measurement, verdicts: Any) -> None:
        self.measurements.append(measurement)


@pytest.fixture
def seen() -> Seen:
    """An observer of every call, the only thing configured."""
    observer = Seen()
    perfkit.configure(perfkit.Catalog(), observers=[observer], unknown_budgets="ignore")
    return observer
