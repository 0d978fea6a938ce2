"""A span for each measured call."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode

import perfkit
from perfkit import Telemetry, budget, timed
from perfkit.testing import FakeClock, capture_violations


@pytest.fixture(autouse=True)
def _reporting(backend: Any, clock: FakeClock) -> None:
    perfkit.configure(
        perfkit.Catalog(), telemetry=backend.telemetry, clock=clock, unknown_budgets="ignore"
    )


def test_a_span_has_the_budgets_name_and_the_place(backend: Any, clock: FakeClock) -> None:
    @timed("load", threshold="1s", category="database", critical=True)
    def load() -> None:
        clock.advance(0.5)

    load()
    (span,) = backend.spans
    assert span.name == "load"
    assert dict(span.attributes) == {
        "perfkit.budget.name": "load",
        "perfkit.budget.category": "database",
        "perfkit.budget.critical": True,
        "perfkit.budget.state": "met",
        "code.function.name": f"{__name__}.{load.__qualname__}",
        "code.file.path": __file__,
        "code.line.number": load.__wrapped__.__code__.co_firstlineno,  # type: ignore[attr-defined]  # set by functools.wraps
    }
    assert span.end_time - span.start_time == 500_000_000
    assert span.status.status_code is StatusCode.UNSET


def test_without_a_budget_a_span_is_named_after_the_function(backend: Any) -> None:
    @timed
    def load() -> None:
        pass

    load()
    (span,) = backend.spans
    assert span.name == f"{__name__}.{load.__qualname__}"
    assert "perfkit.budget.category" not in span.attributes
    assert "perfkit.budget.state" not in span.attributes


def test_the_span_is_current_during_the_call_and_gone_after_it(backend: Any) -> None:
    with budget("outer"), budget("inner"):
        trace.get_current_span().set_attribute("mine", 1)
    assert not trace.get_current_span().get_span_context().is_valid
    inner, outer = backend.spans
    assert inner.attributes["mine"] == 1
    assert inner.parent.span_id == outer.context.span_id
    assert outer.parent is None


def test_a_coroutines_children_are_its_own(backend: Any) -> None:
    @timed("child")
    async def child() -> None:
        await asyncio.sleep(0)

    @timed("parent")
    async def parent() -> None:
        await child()

    async def main() -> None:
        await asyncio.gather(parent(), parent())

    asyncio.run(main())
    spans = {span.context.span_id: span for span in backend.spans}
    children = [span for span in spans.values() if span.name == "child"]
    assert len({span.parent.span_id for span in children}) == 2
    assert {spans[span.parent.span_id].name for span in children} == {"parent"}


def test_a_failed_call_has_error_type_and_status_but_no_recorded_exception(backend: Any) -> None:
    @timed("load")
    def load() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        load()
    (span,) = backend.spans
    assert span.attributes["error.type"] == "LookupError"
    assert span.status.status_code is StatusCode.ERROR
    assert span.events == ()


def test_a_cancelled_call_does_not_end_as_if_all_were_well(backend: Any) -> None:
    async def main() -> None:
        @timed("wait")
        async def wait() -> None:
            await asyncio.Event().wait()

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(wait(), 0.001)

    asyncio.run(main())
    (span,) = backend.spans
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "asyncio.exceptions.CancelledError"


def test_spans_never_makes_none_and_leaves_the_applications_current(backend: Any) -> None:
    tracer = backend.tracer_provider.get_tracer("app")
    with tracer.start_as_current_span("request"), budget("load", spans="never"):
        assert trace.get_current_span().name == "request"  # type: ignore[attr-defined]  # an SDK span
    assert [span.name for span in backend.spans] == ["request"]


def test_spans_violations_makes_them_afterwards_with_true_times_and_parent(
    backend: Any, clock: FakeClock
) -> None:
    with capture_violations() as violations, budget("outer"):
        started = clock.time_ns()
        for seconds in (0.5, 2):
            with budget("load", duration="1s", spans="violations"):
                clock.advance(seconds)
    load, outer = backend.spans
    assert (load.name, load.parent.span_id) == ("load", outer.context.span_id)
    assert load.start_time == started + 500_000_000
    assert load.end_time - load.start_time == 2_000_000_000
    assert violations[0].span_id == trace.format_span_id(load.context.span_id)


def test_without_a_span_of_its_own_a_violation_has_the_ids_of_the_current_one(
    backend: Any, clock: FakeClock
) -> None:
    tracer = backend.tracer_provider.get_tracer("app")
    with (
        capture_violations() as violations,
        tracer.start_as_current_span("request") as request,
        budget("load", duration="1s", spans="never"),
    ):
        clock.advance(2)
    assert violations[0].span_id == trace.format_span_id(request.get_span_context().span_id)


def test_a_violation_is_judged_though_its_span_was_not_sampled(clock: FakeClock) -> None:
    unsampled = TracerProvider(sampler=ALWAYS_OFF)
    perfkit.configure(
        perfkit.Catalog(), telemetry=Telemetry(tracer_provider=unsampled), clock=clock
    )
    with capture_violations() as violations, budget("load", duration="1s"):
        clock.advance(2)
    assert (violations[0].value, violations[0].trace_flags & 1) == (2.0, 0)
    assert violations[0].trace_id
    unsampled.shutdown()


def test_a_block_left_in_another_context_leaves_the_current_span_alone(backend: Any) -> None:
    """An async generator that the event loop closes leaves its block in another context."""

    async def rows() -> Any:
        async with budget("rows"):
            yield 1
            yield 2

    async def main() -> None:
        tracer = backend.tracer_provider.get_tracer("app")
        with tracer.start_as_current_span("request") as request:
            generator = rows()
            await asyncio.create_task(anext(generator))
            await generator.aclose()
            assert trace.get_current_span() is request

    asyncio.run(main())
    assert sorted(span.name for span in backend.spans) == ["request", "rows"]
