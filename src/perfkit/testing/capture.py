"""Collect violations in a list, and raise perfkit's internal errors in tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from attrs import evolve

from perfkit.model import Route, Severity, Violation
from perfkit.runtime import internal_errors, settings
from perfkit.runtime.state import state
from perfkit.sinks import CallbackSink, Router


@contextmanager
def capture_violations() -> Iterator[list[Violation]]:
    """Collect every violation in a list, missed targets too, instead of delivering it.

    Sinks from the catalog or the settings receive nothing meanwhile; those that code names with
    ``on_violation`` still do. It affects the whole process.

    >>> from perfkit import budget
    >>> with capture_violations() as violations:
    ...     with budget("instant", duration="0s"):
    ...         pass
    >>> [(violation.budget.name, str(violation.state)) for violation in violations]
    [('instant', 'violated')]
    """
    captured: list[Violation] = []
    everything = Router(
        by_name={"captured": CallbackSink(captured.append)},
        default=(),
        routes=(Route(sinks=("captured",), severity=Severity.INFO),),
        uses_budget_sinks=False,
    )
    before = state.settings
    settings.replace(evolve(settings.current(), router=everything))
    try:
        yield captured
    finally:
        settings.replace(before)


@contextmanager
def strict() -> Iterator[None]:
    """Raise perfkit's internal errors, such as a sink that fails, instead of logging them."""
    before = internal_errors.set_strict(is_strict=True)
    try:
        yield
    finally:
        internal_errors.set_strict(is_strict=before)
