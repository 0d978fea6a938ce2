"""perfkit's rows."""

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
    """perfkit configured for one row, with the providers it reports to.

    Args:
        budgets: The catalog; None means the one that `handle` is held to.
        plain: Whether the metric exporter is given to the SDK as it is, not wrapped.
        **settings: For `perfkit.configure`.
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
            perfkit.Catalog(budgets=budgets or [promise(BUDGET)]),
            telemetry=perfkit.Telemetry(
                tracer_provider=self.tracer_provider, meter_provider=self.meter_provider
            ),
            sinks=["log"],
            **settings,
        )

    def flush(self) -> None:
        """Judge every window, and bring all that was recorded to the exporters."""
        perfkit.evaluate_windows()
        self.tracer_provider.force_flush()
        self.meter_provider.force_flush()

    def shutdown(self) -> None:
        """Stop the background threads."""
        self.tracer_provider.shutdown()
        self.meter_provider.shutdown()


def promise(
    name: str,
    target: float = TARGET_SECONDS,
    threshold: float = THRESHOLD_SECONDS,
    *others: perfkit.Limit,
    **further: Any,
) -> perfkit.Budget:
    """Return a budget.

    Args:
        name: Its name.
        target: For the duration of each call, in seconds.
        threshold: Likewise.
        *others: Further limits.
        **further: What else the budget has.
    """
    limits = (*parse_limits(perfkit.Metric.DURATION, (target, threshold)), *others)
    return perfkit.Budget(name=name, category=CATEGORY, limits=limits, **further)


def _silence_log() -> None:
    log = logging.getLogger("perfkit.violations")
    log.propagate = False
    log.handlers[:] = [logging.NullHandler()]


def off() -> Case:
    """Measure nothing."""
    setting = Setting(enabled=False)
    return Case(calls_of(perfkit.timed(BUDGET)(handle)), setting.flush)


def metrics_only(setting: Setting | None = None) -> Case:
    """Count and judge each call, without spans."""
    setting = setting or Setting(spans="never")
    return Case(calls_of(perfkit.timed(BUDGET)(handle)), setting.flush)


def no_provider() -> Case:
    """Judge each call where there is no OpenTelemetry provider to report to."""
    _silence_log()
    perfkit.configure(perfkit.Catalog(budgets=[promise(BUDGET)]), sinks=["log"])
    return Case(calls_of(perfkit.timed(BUDGET)(handle)), perfkit.evaluate_windows)


def block(setting: Setting | None = None) -> Case:
    """Do the same for a block of code."""
    setting = setting or Setting(spans="never")

    def run(calls: int) -> None:
        budget, called, name = perfkit.budget, handle, BUDGET
        for _ in repeat(None, calls):
            with budget(name):
                called("user", "key", limit=20)

    return Case(run, setting.flush)


def coroutine(setting: Setting | None = None) -> Case:
    """Do the same for a coroutine function."""
    setting = setting or Setting(spans="never")

    @perfkit.timed(BUDGET)
    async def handle_later(user: Any, key: Any, *, limit: int = 10) -> Any:  # noqa: ARG001 - as handle
        return user

    async def await_all(calls: int) -> None:
        for _ in repeat(None, calls):
            await handle_later("user", "key", limit=20)

    return Case(lambda calls: asyncio.run(await_all(calls)), setting.flush)


def spans_and_metrics(setting: Setting | None = None) -> Case:
    """Make a span for each call too."""
    setting = setting or Setting(spans="always")
    return Case(
        calls_of(perfkit.timed(BUDGET)(handle)),
        setting.flush,
        lambda: setting.spans.shipped,
        makes_spans=True,
    )


def plain_provider(setting: Setting | None = None) -> Case:
    """Do the same with the SDK's own instruments for metrics."""
    return spans_and_metrics(setting or Setting(spans="always", plain=True))


def violated(setting: Setting | None = None) -> Case:
    """Break the budget at each call."""
    return metrics_only(setting or Setting([promise(BUDGET, 1e-9, 1e-9)], spans="never"))
