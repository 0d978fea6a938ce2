"""Everything at once for a while: no call is lost, nothing leaks, and all is as before.

The short form runs among the other tests. ``PERFKIT_SOAK_SECONDS=30`` makes it the full one, and
``PERFKIT_SOAK_SEED`` repeats one that has failed.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from perfkit import Metric, Outcome
from perfkit.runtime import window_registry
from perfkit.runtime.state import state
from tests.soak.promises import CPU_TIMED, JUDGED, SPANNED, TIMED, TRACED
from tests.soak.soak import SECONDS, SEED, Soak

pytestmark = [
    pytest.mark.soak,
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]
_MOST_GROWTH_BYTES = 40_000_000 if SECONDS >= 30 else 120_000_000
"""Half of a short soak is not enough to fill the allocator's reserves."""
_DURATION, _VERDICTS = "perfkit.call.duration", "perfkit.budget.verdicts"


@pytest.fixture(scope="module")
def soak(tmp_path_factory: pytest.TempPathFactory) -> Soak:
    """The one soak that all tests here look at."""
    made = Soak(tmp_path_factory.mktemp("soak"))
    made.run()
    return made


@pytest.fixture(autouse=True)
def _said(soak: Soak) -> None:
    """Say on failure how to repeat it, and how much there was."""
    print(  # noqa: T201 - shown where a test fails
        f"PERFKIT_SOAK_SEED={SEED} PERFKIT_SOAK_SECONDS={SECONDS:g}:"
        f" {soak.book.calls.total():,} calls,"
        f" {soak.grown_bytes / 1e6:.1f} MB grown since half way"
    )


def test_the_load_meets_nothing_unexpected(soak: Soak) -> None:
    assert soak.book.surprises == []


def test_perfkit_itself_never_fails(soak: Soak) -> None:
    assert soak.internal_errors == {}


def test_every_budget_was_called(soak: Soak) -> None:
    assert [name for name in JUDGED if not soak.book.of(name)] == []


def test_the_duration_of_every_call_is_counted(soak: Soak) -> None:
    _agree(
        (
            (name, outcome),
            soak.backend.total(_DURATION, budget__name=name, outcome=outcome),
            soak.book.of(name, outcome),
        )
        for name in sorted(TIMED)
        for outcome in Outcome
    )


def test_the_cpu_time_of_every_call_is_counted(soak: Soak) -> None:
    _agree(
        (name, soak.backend.total("perfkit.call.cpu.time", budget__name=name), soak.book.of(name))
        for name in sorted(CPU_TIMED)
    )


def test_a_call_that_is_traced_has_its_memory_counted_and_any_other_its_duration(
    soak: Soak,
) -> None:
    _agree(
        (
            name,
            soak.backend.total(_DURATION, budget__name=name)
            + soak.backend.total("perfkit.call.memory.peak", budget__name=name),
            soak.book.of(name),
        )
        for name in sorted(TRACED)
    )


def test_a_call_that_gathers_evidence_is_no_data_and_any_other_has_its_duration_counted(
    soak: Soak,
) -> None:
    about = {"budget__name": "explained"}
    unjudged = soak.backend.total(_VERDICTS, **about, budget__state="no_data")
    assert unjudged > 0
    assert soak.backend.total(_DURATION, **about) + unjudged == soak.book.of("explained")


def test_every_call_is_judged_by_every_limit_on_a_single_call(soak: Soak) -> None:
    _agree(
        (
            (name, metric),
            soak.backend.total(_VERDICTS, budget__name=name, metric=metric),
            soak.book.of(name),
        )
        for name, metrics in JUDGED.items()
        for metric in metrics
    )


def test_every_violation_of_a_call_is_delivered(soak: Soak) -> None:
    _agree(
        (
            name,
            soak.book.heard[name],
            soak.backend.total(_VERDICTS, budget__name=name, budget__state="violated"),
        )
        for name in JUDGED
    )


def test_every_violation_of_a_call_is_delivered_through_a_queue_too(soak: Soak) -> None:
    assert soak.is_flushed
    assert soak.book.heard_later == soak.book.heard


def test_every_call_has_its_span(soak: Soak) -> None:
    counts = soak.backend.spans.counts
    _agree((name, counts[name], soak.book.of(name)) for name in sorted(SPANNED))


def test_windows_hold_every_call_and_every_try(soak: Soak) -> None:
    errors, tries = (
        next(v for v in soak.verdicts if (v.budget.name, v.limit.metric) == each)
        for each in (("counted", Metric.ERROR_RATIO), ("hits", Metric.HIT_RATIO))
    )
    failed = soak.book.of("counted", Outcome.ERROR)
    assert errors.samples == failed + soak.book.of("counted", Outcome.OK)
    assert errors.value == failed / errors.samples
    assert tries.samples == soak.book.tries.total()
    assert tries.value == soak.book.tries["hit"] / tries.samples


def test_windows_were_judged_all_along(soak: Soak) -> None:
    judged = {
        name: soak.backend.total("perfkit.window.verdicts", budget__name=name)
        for name in ("windowed", "cut", "promised", "process")
    }
    assert min(judged.values()) > 1, judged


def test_no_call_is_left_in_flight(soak: Soak) -> None:
    assert soak.in_flight
    assert [each.running for each in soak.in_flight if each.running] == []


def test_a_child_forked_in_the_middle_counts_its_own_calls_and_ends_well(soak: Soak) -> None:
    assert soak.child_says == ""


def test_threads_files_tracing_profilers_and_hooks_are_as_before(soak: Soak) -> None:
    assert soak.after == soak.before


def test_the_process_hardly_grows_in_the_second_half(soak: Soak) -> None:
    assert soak.grown_bytes < _MOST_GROWTH_BYTES


def test_reset_leaves_default_settings_and_no_windows(soak: Soak) -> None:
    assert state.settings is None
    assert state.attributing == set()
    assert window_registry._registry.windows == {}


def _agree(rows: Iterator[tuple[object, int, int]]) -> None:
    """Check that what perfkit counted is what really happened, in each row."""
    assert [
        f"{what}: {count} counted, {real} happened" for what, count, real in rows if count != real
    ] == []
