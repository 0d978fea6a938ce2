"""Documents of different shape become catalogs, and nothing in them is dropped in silence."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from perfkit.catalog import dump_catalog, parse_catalog, parse_limit
from perfkit.document import ImportResult, import_markdown
from perfkit.model import Budget, Direction, Limit, Metric, Statistic
from tests.document.imports import budget_of, from_table, limit_of

DOCUMENTS = Path(__file__).parent / "documents"
DOCUMENT_NAMES = sorted(path.stem for path in DOCUMENTS.glob("*.md"))


@cache
def imported(name: str) -> ImportResult:
    """What comes out of one of the documents."""
    return import_markdown((DOCUMENTS / f"{name}.md").read_text("utf-8"), f"{name}.md")


@pytest.fixture
def app() -> ImportResult:
    """A document with ten tables."""
    return imported("app_performance")


@pytest.fixture
def service() -> ImportResult:
    """A document with service levels, statistics and rows of one service."""
    return imported("service_levels")


@pytest.fixture
def single() -> ImportResult:
    """A document with one column of limits, and units in its headers."""
    return imported("single_budget")


@pytest.fixture
def both() -> ImportResult:
    """A document with target and threshold in one cell, and tables of other kinds."""
    return imported("both_in_one_cell")


@pytest.mark.parametrize(
    ("document", "budget", "metric", "target", "threshold"),
    [
        # words behind a unit
        ("app_performance", "live_audio_real_time", "duration", "<= 100ms", "<= 200ms"),
        # several figures of one row
        ("app_performance", "small_10_users", "throughput", ">= 50/s", ">= 25/s"),
        ("app_performance", "small_10_users", "duration", "<= 1s", "<= 1s"),
        # concurrency is at least where the target is higher
        ("app_performance", "wav_16khz", "concurrency", ">= 10", ">= 5"),
        ("app_performance", "most_concurrent_sessions", "concurrency", ">= 1000", ">= 500"),
        # the metric follows from the unit, and from the section
        ("app_performance", "whole_school_at_once", "memory_rss", "<= 500MB", "<= 1GB"),
        ("app_performance", "many_sessions", "cpu_utilization", "<= 50%", "<= 80%"),
        ("app_performance", "log_writing", "disk_write_rate", "<= 10MB/min", "<= 50MB/min"),
        ("app_performance", "new_sessions", "scaling_exponent", "<= linear", "<= linear"),
        ("app_performance", "clearing_up", "scaling_exponent", "<= constant", "<= constant"),
        # a row called by a figure is named after its section
        ("app_performance", "cache_sizes_1gb", "hit_ratio", ">= 95%", ">= 85%"),
        ("app_performance", "cache_sizes_1gb", "duration", "<= 200ms", "<= 200ms"),
        # one column is threshold and target
        ("single_budget", "encode_frame", "duration", "<= 1.2s", "<= 1.2s"),
        # words in a header choose among the metrics of a unit, and the good side
        ("single_budget", "decode_frame", "memory_peak", "<= 64MB", "<= 64MB"),
        ("single_budget", "thumbnails", "concurrency", "<= 12", "<= 12"),
        ("single_budget", "previews", "hit_ratio", ">= 75%", ">= 75%"),
        # target and threshold share a cell
        ("both_in_one_cell", "find_by_id", "duration", "<= 5ms", "<= 20ms"),
        ("both_in_one_cell", "volltext_index", "memory_rss", "<= 64MiB", "<= 128MiB"),
        # a table that lies on its side
        ("both_in_one_cell", "aufr\u00e4umen", "duration", "<= 20s", "<= 60s"),
        # comparators stand in for headers in other languages
        ("both_in_one_cell", "sicherung", "duration", "<= 10min", "<= 30min"),
    ],
)
def test_cells_become_limits(
    document: str, budget: str, metric: str, target: str, threshold: str
) -> None:
    limit = limit_of(imported(document), budget, Metric(metric))

    assert limit == parse_limit(Metric(metric), (target, threshold))


def test_every_row_of_every_table_comes_in(app: ImportResult) -> None:
    assert len(app.catalog.budgets) == 37


def test_times_become_limits_on_duration(app: ImportResult) -> None:
    assert budget_of(app, "session_retrieval") == Budget(
        name="session_retrieval",
        category="database_work",
        critical=True,
        description="Session Retrieval, in Database Work",
        limits=(
            Limit(metric=Metric.DURATION, target=0.1, threshold=0.3, direction=Direction.AT_MOST),
        ),
    )


def test_a_name_is_the_title_and_a_category_the_heading(app: ImportResult) -> None:
    assert budget_of(app, "hear_a_sentence_1s_audio").category == "speech"
    assert budget_of(app, "log_writing").category == "disk_io"
    assert not budget_of(app, "monthly_report").critical


def test_what_fits_no_metric_is_told_and_kept(app: ImportResult) -> None:
    assert budget_of(app, "wav_16khz").notes == ("Quality: Lossless",)
    assert app.remarks == (
        'app_performance.md:49: WAV 16kHz.Quality: "Lossless": not a limit; kept as a note',
        'app_performance.md:50: MP3 128kbps.Quality: "High": not a limit; kept as a note',
        'app_performance.md:51: Live.Quality: "Medium": not a limit; kept as a note',
    )


def test_rows_of_one_name_are_one_budget_with_several_limits(service: ImportResult) -> None:
    latency = limit_of(service, "search", Metric.DURATION)
    errors = limit_of(service, "search", Metric.ERROR_RATIO)

    assert [budget.name for budget in service.catalog.budgets] == [
        "search",
        "product_page",
        "checkout",
    ]
    assert (latency.statistic, latency.window) == (Statistic.P95, 60.0)
    assert (errors.target, errors.threshold) == (0.001, 0.01)


def test_two_statistics_of_one_metric_are_two_limits(service: ImportResult) -> None:
    statistics = [limit.statistic for limit in budget_of(service, "product_page").limits]

    assert statistics == [Statistic.P50, Statistic.P99]


def test_limits_on_one_metric_stand_side_by_side() -> None:
    header = ("| Service | SLI | Objective | Limit |", "|-|-|-|-|")
    rows = ("| A | p50 | 1s | 2s |", "| A | error rate | 1% | 2% |", "| A | p99 | 3s | 4s |")

    metrics = [limit.metric for limit in budget_of(from_table(*header, *rows), "a").limits]

    assert metrics == [Metric.DURATION, Metric.DURATION, Metric.ERROR_RATIO]


def test_a_statistic_that_perfkit_lacks_is_not_taken_for_another(service: ImportResult) -> None:
    checkout = budget_of(service, "checkout")

    assert checkout.metrics == {Metric.THROUGHPUT}
    assert checkout.notes[:3] == ("Objective: 1 s", "Alert at: 3 s", "SLI: p99.9 latency")


def test_a_column_of_notes_needs_no_remark(service: ImportResult) -> None:
    assert "Owner: Chi" in budget_of(service, "checkout").notes
    assert not any("Owner" in remark for remark in service.remarks)


def test_tables_without_promises_are_left_out_and_told(service: ImportResult) -> None:
    what = "no targets or thresholds in it; left out"

    assert service.remarks[-2:] == (
        f'service_levels.md:19: table "Version | Date | Author": {what}',
        f'service_levels.md:26: table "Query | Before | After": {what}',
    )


def test_any_column_that_says_yes_and_no_may_be_the_critical_one(single: ImportResult) -> None:
    critical = [budget.name for budget in single.catalog.budgets if budget.critical]

    assert critical == ["decode_frame", "encode_frame"]


def test_an_empty_cell_is_no_limit(single: ImportResult) -> None:
    assert budget_of(single, "encode_frame").metrics == {Metric.DURATION}


def test_a_cell_that_cannot_be_read_is_told_and_kept(single: ImportResult) -> None:
    upload = budget_of(single, "upload")

    assert upload.notes[0] == "Limit (ms): tbd"
    assert (
        'single_budget.md:11: Upload.Limit (ms): "tbd": no value in it; kept as a note'
        in single.remarks
    )


def test_names_in_any_script_come_in(both: ImportResult) -> None:
    assert budget_of(both, "\u691c\u7d22\u5019\u88dc").critical


def test_half_a_pair_is_no_limit(both: ImportResult) -> None:
    assert budget_of(both, "export").metrics == {Metric.DURATION}
    assert budget_of(both, "export").notes == ("Memory (target / threshold): 10MB / lots",)


def test_a_table_that_lies_on_its_side_is_turned(both: ImportResult) -> None:
    assert budget_of(both, "aufr\u00e4umen").critical


def test_what_comparators_stand_in_for_is_told(both: ImportResult) -> None:
    assert any('columns "Ziel" and "Grenze"' in remark for remark in both.remarks)


def test_cells_beyond_the_header_are_told(both: ImportResult) -> None:
    assert any('"extra" is beyond the last column' in remark for remark in both.remarks)


# All documents


@pytest.mark.parametrize("name", DOCUMENT_NAMES)
def test_what_is_imported_is_a_good_catalog(name: str) -> None:
    """Every figure is in a limit or in a note."""
    catalog = imported(name).catalog

    assert parse_catalog(dump_catalog(catalog), f"{name}.md") == catalog
    assert all(budget.limits or budget.notes for budget in catalog.budgets)
