"""The one settings object, replaced whole, and the generation number that moves with it.

Every callsite keeps the plan it made with the number it was made under. Another number means:
make the plan anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from attrs import frozen

from perfkit.catalog import Catalog
from perfkit.model import Clock, Observer, Probe, Sink, SpanIds
from perfkit.sinks import Router


class Telemetry(Protocol):
    """The observers that report to OpenTelemetry, as far as there is anything to report to."""

    def observers(self) -> tuple[Observer, ...]:
        """Return the observers that have a provider now, in order of start."""

    def revision(self) -> int:
        """Return a number that changes when the application sets another provider. Cheap."""

    def current_span(self) -> SpanIds | None:
        """Return the span that the application made current; None where there is none."""

    def is_settled(self) -> bool:
        """Tell whether `revision` will not change any more."""


@frozen(kw_only=True)
class Settings:
    """Everything that a plan is made from.

    Args:
        catalog: The budgets.
        router: Which sinks hear of a violation.
        find_sink: Turns a sink's name into a sink; raises ConfigurationError.
        observers: Observers that the application brought.
        telemetry: Observers for OpenTelemetry.
        find_probes: Returns the probes to choose from; loads what they need.
        clock: Tells the time.
        spans: ``"always"``, ``"violations"`` or ``"never"``, where budget and category are silent.
        unknown_budgets: ``"warn"``, ``"raise"`` or ``"ignore"``.
        is_enabled: Whether anything is measured.
    """

    catalog: Catalog
    router: Router
    find_sink: Callable[[str], Sink]
    observers: tuple[Observer, ...]
    telemetry: Telemetry
    find_probes: Callable[[], tuple[Probe, ...]]
    clock: Clock
    spans: str
    unknown_budgets: str
    is_enabled: bool


class _State:
    """The process's settings. `generation` is read without the lock, at each call."""

    def __init__(self) -> None:
        self.generation = 0
        self.settings: Settings | None = None
        self.make_default: Callable[[], Settings] | None = None
        self.lock = threading.RLock()


state = _State()


def current() -> Settings:
    """Return the settings in force; make the default ones the first time.

    Raises:
        RuntimeError: If nothing has said what the default is; importing perfkit does.
    """
    settings = state.settings
    if settings is not None:
        return settings
    with state.lock:
        if state.settings is None:
            if state.make_default is None:
                raise RuntimeError("perfkit is not assembled; import perfkit, not a part of it")
            state.settings = state.make_default()
        return state.settings


def replace(settings: Settings | None) -> Settings | None:
    """Put `settings` in force at once, everywhere; None means the default. Return the old ones."""
    with state.lock:
        before = state.settings
        state.settings = settings
        state.generation += 1
        return before


def set_default(make_default: Callable[[], Settings]) -> None:
    """Say how the default settings are made, when they are first needed."""
    state.make_default = make_default
