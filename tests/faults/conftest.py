"""Fixtures for tests by fault injection: perfkit as in production, and the accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import perfkit
from perfkit.sinks import DeliveryStats
from perfkit.sinks.delivery.stats import Totals, stats_registry
from tests.faults.sinks import LONGEST, Fault

Accounts = Callable[[], dict[str, Totals]]


@pytest.fixture(autouse=True)
def _as_in_production(lenient: None) -> None:
    """Swallow and count perfkit's own faults."""


@pytest.fixture(autouse=True)
def _open_no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin with an empty book: accounts outlive the settings, and so the other tests."""
    accounts: dict[str, DeliveryStats] = {}
    monkeypatch.setattr(stats_registry, "_stats", accounts)
    monkeypatch.setattr(stats_registry, "expected", {})


@pytest.fixture
def accounts() -> Accounts:
    """Return how each account stands, by the name of its sink."""
    return lambda: {totals.sink: totals for totals in perfkit.sink_stats()}


@pytest.fixture
def let_go(_clean_perfkit: None) -> Iterator[Callable[..., None]]:
    """Let go, at the end of the test, of each sink that is given to this."""
    given: list[Fault] = []
    yield lambda *internal_errors: given.extend(internal_errors)
    for fault in given:
        fault.let_go()
    assert perfkit.flush_sinks(LONGEST)
