"""No setting of the benchmarks outlives its test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from benchmarks.measured import Setting


@pytest.fixture(autouse=True)
def _settings_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stop the background threads of every setting after the test."""
    made: list[Setting] = []
    begin = Setting.__init__

    def remember(self: Setting, *args: Any, **settings: Any) -> None:
        made.append(self)
        begin(self, *args, **settings)

    monkeypatch.setattr(Setting, "__init__", remember)
    yield
    for each in made:
        each.shutdown()
