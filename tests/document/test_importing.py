"""Documents of different shape become catalogs, and nothing in them is dropped in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfkit.catalog import dump_catalog, parse_catalog
from perfkit.document import ImportResult, import_markdown
from perfkit.model import Budget, Direction, Limit, Metric, Statistic
from tests.document.imports import budget_of, from_table, limit_of

DOCUMENTS = Path(__file__).parent / "documents"


def imported(name: str) -> ImportResult:
    """What comes out of one of the documents."""
    return import_markdown((DOCUMENTS / name).read_text("utf-8"), name)


@pytest.fixture(scope="module")
def app() -> ImportResult:
    return imported("app_performance.md")


@pytest.fixture(scope="module")
def service() -> ImportResult:
    return imported("service_levels.md")


@pytest.fixture(scope="module")
def single() -> ImportResult:
    return imported("single_budget.md")


@pytest.fixture(scope="module")
def both() -> ImportResult:
    return imported("both_in_one_cell.md")


# A document with ten tables


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


def test_words_behind_a_unit_are_understood(app: ImportResult) -> None:
    assert limit_of(app, "live_audio_real_time", Metric.DURATION).threshold == 0.2


def test_a_name_is_the_title_and_a_category_the_heading(app: ImportResult) -> None:
    assert budget_of(app, "hear_a_sentence_1s_audio").category == "speech"
    assert budget_of(app, "log_writing").category == "disk_io"


def test_what_is_not_critical_is_not(app: ImportResult) -> None:
    assert not budget_of(app, "monthly_report").critical


def test_several_figures_become_several_limits(app: ImportResult) -> None:
    rate = limit_of(app, "small_10_users", Metric.THROUGHPUT)
    latency = limit_of(app, "small_10_users", Metric.DURATION)

    assert (rate.target, rate.threshold, rate.direction) == (50.0, 25.0, Direction.AT_LEAST)
    assert (latency.target, latency.threshold) == (1.0, 1.0)


def test_concurrency_is_at_least_where_the_target_is_higher(app: ImportResult) -> None:
    streams = limit_of(app, "wav_16khz", Metric.CONCURRENCY)
    sessions = limit_of(app, "most_concurrent_sessions", Metric.CONCURRENCY)

    assert (streams.target, streams.direction) == (10.0, Direction.AT_LEAST)
    assert (sessions.target, sessions.direction) == (1000.0, Direction.AT_LEAST)


def test_bytes_become_limits_on_memory(app: ImportResult) -> None:
    assert limit_of(app, "whole_school_at_once", Metric.MEMORY_RSS).threshold == 1e9


def test_percents_under_cpu_become_limits_on_cpu(app: ImportResult) -> None:
    assert limit_of(app, "many_sessions", Metric.CPU_UTILIZATION).threshold == 0.8


def test_bytes_per_time_become_limits_on_the_disk(app: ImportResult) -> None:
    assert limit_of(app, "log_writing", Metric.DISK_WRITE_RATE).target == 10e6 / 60


def test_scaling_words_become_limits_too(app: ImportResult) -> None:
    linear = limit_of(app, "new_sessions", Metric.SCALING_EXPONENT)
    constant = limit_of(app, "clearing_up", Metric.SCALING_EXPONENT)

    assert (linear.threshold, constant.threshold) == (1.0, 0.0)


def test_a_row_called_by_a_figure_is_named_after_its_section(app: ImportResult) -> None:
    hits = limit_of(app, "cache_sizes_1gb", Metric.HIT_RATIO)
    eviction = limit_of(app, "cache_sizes_1gb", Metric.DURATION)

    assert (hits.target, hits.threshold, hits.direction) == (0.95, 0.85, Direction.AT_LEAST)
    assert eviction.threshold == 0.2


def test_what_fits_no_metric_is_told_and_kept(app: ImportResult) -> None:
    assert budget_of(app, "wav_16khz").notes == ("Quality: Lossless",)
    assert app.remarks == (
        'app_performance.md:49: WAV 16kHz.Quality: "Lossless": not a limit; kept as a note',
        'app_performance.md:50: MP3 128kbps.Quality: "High": not a limit; kept as a note',
        'app_performance.md:51: Live.Quality: "Medium": not a limit; kept as a note',
    )


# A document with service levels, statistics and rows of one service


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


# A document with one column of limits, and units in its headers


def test_one_column_is_threshold_and_target(single: ImportResult) -> None:
    limit = limit_of(single, "encode_frame", Metric.DURATION)

    assert (limit.target, limit.threshold) == (1.2, 1.2)


def test_any_column_that_says_yes_and_no_may_be_the_critical_one(single: ImportResult) -> None:
    critical = [budget.name for budget in single.catalog.budgets if budget.critical]

    assert critical == ["decode_frame", "encode_frame"]


def test_words_in_a_header_choose_among_the_metrics_of_a_unit(single: ImportResult) -> None:
    assert limit_of(single, "decode_frame", Metric.MEMORY_PEAK).threshold == 64e6


def test_an_empty_cell_is_no_limit(single: ImportResult) -> None:
    assert budget_of(single, "encode_frame").metrics == {Metric.DURATION}


def test_a_cell_that_cannot_be_read_is_told_and_kept(single: ImportResult) -> None:
    upload = budget_of(single, "upload")

    assert upload.notes[0] == "Limit (ms): tbd"
    assert (
        'single_budget.md:11: Upload.Limit (ms): "tbd": no value in it; kept as a note'
        in single.remarks
    )


def test_a_header_tells_which_side_is_good(single: ImportResult) -> None:
    users = limit_of(single, "thumbnails", Metric.CONCURRENCY)
    hits = limit_of(single, "previews", Metric.HIT_RATIO)

    assert users.direction is Direction.AT_MOST
    assert (hits.threshold, hits.direction) == (0.75, Direction.AT_LEAST)


# A document with target and threshold in one cell, and tables of other kinds


def test_target_and_threshold_may_share_a_cell(both: ImportResult) -> None:
    latency = limit_of(both, "find_by_id", Metric.DURATION)
    memory = limit_of(both, "volltext_index", Metric.MEMORY_RSS)

    assert (latency.target, latency.threshold) == (0.005, 0.02)
    assert (memory.target, memory.threshold) == (2.0**26, 2.0**27)


def test_names_in_any_script_come_in(both: ImportResult) -> None:
    assert budget_of(both, "\u691c\u7d22\u5019\u88dc").critical


def test_half_a_pair_is_no_limit(both: ImportResult) -> None:
    assert budget_of(both, "export").metrics == {Metric.DURATION}
    assert budget_of(both, "export").notes == ("Memory (target / threshold): 10MB / lots",)


def test_a_table_that_lies_on_its_side_is_turned(both: ImportResult) -> None:
    limit = limit_of(both, "aufr\u00e4umen", Metric.DURATION)

    assert (limit.target, limit.threshold) == (20.0, 60.0)
    assert budget_of(both, "aufr\u00e4umen").critical


def test_comparators_stand_in_for_headers_in_other_languages(both: ImportResult) -> None:
    limit = limit_of(both, "sicherung", Metric.DURATION)

    assert (limit.target, limit.threshold) == (600.0, 1800.0)
    assert any('columns "Ziel" and "Grenze"' in remark for remark in both.remarks)


def test_cells_beyond_the_header_are_told(both: ImportResult) -> None:
    assert any('"extra" is beyond the last column' in remark for remark in both.remarks)


# All documents


@pytest.mark.parametrize("name", sorted(path.name for path in DOCUMENTS.glob("*.md")))
def test_what_is_imported_is_a_good_catalog(name: str) -> None:
    catalog = imported(name).catalog

    assert parse_catalog(dump_catalog(catalog), name) == catalog


@pytest.mark.parametrize("name", sorted(path.name for path in DOCUMENTS.glob("*.md")))
def test_every_figure_is_in_a_limit_or_in_a_note(name: str) -> None:
    for budget in imported(name).catalog.budgets:
        assert budget.limits or budget.notes
