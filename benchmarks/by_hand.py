"""The rows without perfkit and other libraries. None of them imports perfkit."""

from __future__ import annotations

import functools
from collections.abc import Callable
from time import perf_counter, perf_counter_ns
from typing import Any, Final

from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import Tracer

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

_BUDGET: Final = {"perfkit.budget.name": BUDGET, "perfkit.budget.category": CATEGORY}
_SPAN: Final[dict[str, str | bool | int]] = {
    **_BUDGET,
    "perfkit.budget.critical": False,
    "code.function.name": f"{handle.__module__}.{handle.__qualname__}",
    "code.file.path": handle.__code__.co_filename,
    "code.line.number": handle.__code__.co_firstlineno,
}
_BY_OUTCOME: Final = {
    outcome: {**_BUDGET, "perfkit.outcome": outcome} for outcome in ("ok", "error")
}
_BY_STATE: Final = {
    state: {**_BUDGET, "perfkit.metric": "duration", "perfkit.budget.state": state}
    for state in ("met", "degraded", "violated")
}
BUCKET_BOUNDS: Final = sorted(
    {float(f"{digit}e{power}") for power in range(-4, 2) for digit in ("1", "2.5", "5")}
    | {TARGET_SECONDS, THRESHOLD_SECONDS}
)


def bare() -> Case:
    """Call the function itself."""
    return Case(calls_of(handle))


def pass_through() -> Case:
    """Call the function through a closure that adds nothing."""

    @functools.wraps(handle)
    def measured(*args: Any, **kwargs: Any) -> Any:
        return handle(*args, **kwargs)

    return Case(calls_of(measured))


def floor() -> Case:
    """Call the function through a closure that reads the clock twice."""

    @functools.wraps(handle)
    def measured(*args: Any, **kwargs: Any) -> Any:
        began = perf_counter_ns()
        try:
            return handle(*args, **kwargs)
        finally:
            perf_counter_ns() - began

    return Case(calls_of(measured))


def opentelemetry_metrics() -> Case:
    """Record each call in a histogram, and its verdict in a counter."""
    provider = metering(NullMetricExporter())
    report = reporter(provider)

    @functools.wraps(handle)
    def measured(*args: Any, **kwargs: Any) -> Any:
        began = perf_counter()
        outcome = "error"
        try:
            result = handle(*args, **kwargs)
            outcome = "ok"
            return result
        finally:
            report(perf_counter() - began, outcome)

    return Case(calls_of(measured), provider.force_flush)


def opentelemetry() -> Case:
    """Create a span for each call, and record it as in `opentelemetry_metrics`."""
    spans = NullSpanExporter()
    tracer_provider, meter_provider = tracing(spans), metering(NullMetricExporter())

    def flush() -> None:
        tracer_provider.force_flush()
        meter_provider.force_flush()

    measured = traced(tracer_provider.get_tracer("by hand"), reporter(meter_provider))
    return Case(calls_of(measured), flush, lambda: spans.exported, makes_spans=True)


def traced(tracer: Tracer, report: Callable[[float, str], str]) -> Callable[..., Any]:
    """Return `handle` in a span with the state of the call."""

    @functools.wraps(handle)
    def measured(*args: Any, **kwargs: Any) -> Any:
        with tracer.start_as_current_span(BUDGET, attributes=_SPAN) as span:
            began = perf_counter()
            outcome = "error"
            try:
                result = handle(*args, **kwargs)
                outcome = "ok"
                return result
            finally:
                state = report(perf_counter() - began, outcome)
                span.set_attribute("perfkit.budget.state", state)

    return measured


def reporter(provider: MeterProvider) -> Callable[[float, str], str]:
    """Return a function that records and evaluates one call, and returns its state."""
    meter = provider.get_meter("by hand")
    duration = meter.create_histogram(
        "call.duration", "s", explicit_bucket_boundaries_advisory=BUCKET_BOUNDS
    )
    verdicts = meter.create_counter("budget.verdicts", "{verdict}")

    def report(seconds: float, outcome: str) -> str:
        state = "met"
        if seconds > TARGET_SECONDS:
            state = "degraded" if seconds <= THRESHOLD_SECONDS else "violated"
        duration.record(seconds, _BY_OUTCOME[outcome])
        verdicts.add(1, _BY_STATE[state])
        return state

    return report
