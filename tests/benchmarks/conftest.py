"""Stop the threads of each benchmark setting at the end of its test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from benchmarks.measured import Setting


@pytest.fixture(autouse=True)
def _stop_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stop the background threads of every setting after the test."""
    created: list[Setting] = []
    initialize = Setting.__init__

    def record(self: Setting, *args: Any, **settings: Any) -> None:
        created.append(self)
        initialize(self, *args, **settings)

    monkeypatch.setattr(Setting, "__init__", record)
    yield
    for setting in created:
        setting.shutdown()
