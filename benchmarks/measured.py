"""The rows of single calls with perfkit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from itertools import repeat
from typing import Any

from opentelemetry.sdk.metrics.export import MetricExporter

import perfkit
from benchmarks.null_export import NullMetricExporter, NullSpanExporter, metering, tracing
from benchmarks.subject import (
    BUDGET,
    CATEGORY,
    TARGET_SECONDS,
    THRESHOLD_SECONDS,
    Case,
    calls_of,
    handle,
)
from perfkit.catalog import parse_limits
from perfkit.otel import metric_exporter


class Setting:
    """perfkit configured for one row, with its OpenTelemetry providers.

    Args:
        budgets: The catalog; None for a catalog with only the budget of `handle`.
        plain: Whether the metric exporter is used without `perfkit.otel.metric_exporter`.
        **settings: Arguments of `perfkit.configure`.
    """

    def __init__(
        self,
        budgets: Sequence[perfkit.Budget] | None = None,
        *,
        plain: bool = False,
        **settings: Any,
    ) -> None:
        self.spans, self.metrics = NullSpanExporter(), NullMetricExporter()
        exporter: MetricExporter = self.metrics if plain else metric_exporter(self.metrics)
        self.tracer_provider, self.meter_provider = tracing(self.spans), metering(exporter)
        _silence_log()
        perfkit.configure(
            perfkit.Catalog(budgets=budgets or [make_budget(BUDGET)]),
            telemetry=perfkit.Telemetry(
                tracer_provider=self.tracer_provider, meter_provider=self.meter_provider
            ),
            sinks=["log"],
            **settings,
        )

    def flush(self) -> None:
        """Evaluate every window, and export all recorded data."""
        perfkit.evaluate_windows()
        self.tracer_provider.force_flush()
        self.meter_provider.force_flush()

    def shutdown(self) -> None:
        """Stop the background threads."""
        self.tracer_provider.shutdown()
        self.meter_provider.shutdown()


def make_budget(
    name: str,
    target: float = TARGET_SECONDS,
    threshold: float = THRESHOLD_SECONDS,
    *others: perfkit.Limit,
    **fields: Any,
) -> perfkit.Budget:
    """Return a budget.

    Args:
        name: The name of the budget.
        target: The target for the duration of each call, in seconds.
        threshold: The threshold for the duration of each call, in seconds.
        *others: Other limits.
        **fields: Other fields of the budget.
    """
    limits = (*parse_limits(perfkit.Metric.DURATION, (target, threshold)), *others)
    return perfkit.Budget(name=name, category=CATEGORY, limits=limits, **fields)


def _silence_log() -> None:
    log = logging.getLogger("perfkit.violations")
    log.propagate = False
    log.handlers[:] = [logging.NullHandler()]


def off() -> Case:
    """Call a decorated function while perfkit is disabled."""
    setting = Setting(enabled=False)
    return Case(calls_of(perfkit.timed(BUDGET)(handle)), setting.flush)


def metrics_only(setting: Setting | None = None) -> Case:
    """Count and evaluate each call, without spans."""
    setting = setting or Setting(spans="never")
    return Case(calls_of(perfkit.timed(BUDGET)(handle)), setting.flush)


def no_provider() -> Case:
    """Evaluate each call without an OpenTelemetry provider."""
    _silence_log()
    perfkit.configure(perfkit.Catalog(budgets=[make_budget(BUDGET)]), sinks=["log"])
    return Case(calls_of(perfkit.timed(BUDGET)(handle)), perfkit.evaluate_windows)


def block(setting: Setting | None = None) -> Case:
    """Count and evaluate each block, without spans."""
    setting = setting or Setting(spans="never")

    def run(calls: int) -> None:
        budget, called, name = perfkit.budget, handle, BUDGET
        for _ in repeat(None, calls):
            with budget(name):
                called("user", "key", limit=20)

    return Case(run, setting.flush)


def coroutine(setting: Setting | None = None) -> Case:
    """Count and evaluate each call of a coroutine function, without spans."""
    setting = setting or Setting(spans="never")

    @perfkit.timed(BUDGET)
    async def handle_later(user: Any, key: Any, *, limit: int = 10) -> Any:  # noqa: ARG001 - as handle
        return user

    async def await_all(calls: int) -> None:
        for _ in repeat(None, calls):
            await handle_later("user", "key", limit=20)

    return Case(lambda calls: asyncio.run(await_all(calls)), setting.flush)


def spans_and_metrics(setting: Setting | None = None) -> Case:
    """Count and evaluate each call, with a span for each."""
    setting = setting or Setting(spans="always")
    return Case(
        calls_of(perfkit.timed(BUDGET)(handle)),
        setting.flush,
        lambda: setting.spans.exported,
        makes_spans=True,
    )


def plain_provider(setting: Setting | None = None) -> Case:
    """Do as `spans_and_metrics`, with the SDK's own instruments."""
    return spans_and_metrics(setting or Setting(spans="always", plain=True))


def violated(setting: Setting | None = None) -> Case:
    """Violate the budget at each call."""
    return metrics_only(setting or Setting([make_budget(BUDGET, 1e-9, 1e-9)], spans="never"))
