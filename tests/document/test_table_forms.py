"""Single tables of each form become budgets, and remarks report the cells that do not."""

from __future__ import annotations

import pytest

from perfkit.document import import_markdown
from perfkit.errors import CatalogError
from perfkit.model import Budget, Direction, Limit, Metric, Statistic
from tests.document.imports import budget_of, from_table, limit_of


def test_rows_of_one_name_in_tables_of_one_section_are_one_budget() -> None:
    result = from_table(
        *("| Job | Limit |", "|-|-|", "| Load | 1s |", "| Store | 2s |", ""),
        *("| Job | Max memory |", "|-|-|", "| Load | 5MB |", "| Store | 6MB |"),
    )

    assert budget_of(result, "load").metrics == {Metric.DURATION, Metric.MEMORY_RSS}
    assert len(result.catalog.budgets) == 2


def test_a_limit_may_read_like_the_name() -> None:
    result = import_markdown("| Size | Limit |\n|-|-|\n| 5MB | 5MB |", "doc.md")

    assert limit_of(result, "5mb", Metric.MEMORY_RSS).threshold == 5e6


def test_a_document_without_headings_gives_budgets_without_category() -> None:
    result = import_markdown("| Job | Limit |\n|-|-|\n| Load | 1s |", "doc.md")

    assert budget_of(result, "load") == Budget(
        name="load",
        description="Load",
        limits=(
            Limit(metric=Metric.DURATION, target=1.0, threshold=1.0, direction=Direction.AT_MOST),
        ),
    )


def test_a_lone_target_is_taken_for_both_and_told() -> None:
    result = from_table("| Job | Target |", "|-|-|", "| Load | 1s |")

    assert limit_of(result, "load", Metric.DURATION).threshold == 1.0
    assert result.remarks == ('doc.md:3: column "Target": no threshold beside it; taken for both',)


def test_a_missing_threshold_in_one_row_is_told() -> None:
    result = from_table(
        "| Job | Target | Threshold |", "|-|-|-|", "| Load | 1s | - |", "| Store | 1s | 2s |"
    )

    assert limit_of(result, "load", Metric.DURATION).threshold == 1.0
    assert "doc.md:5: Load: no threshold beside it" in result.remarks[0]


@pytest.mark.parametrize(
    ("header", "row", "thresholds", "notes", "remark"),
    [
        (
            "Target | Threshold",
            "3s | 2s",
            [],
            ("Target: 3s", "Threshold: 2s"),
            "target 3 s is looser than threshold 2 s",
        ),
        (
            "Target | Threshold",
            "< 1s | > 2s",
            [],
            ("Target: < 1s", "Threshold: > 2s"),
            "target and threshold are on different sides",
        ),
        ("Cold | Warm", "< 3s | < 1s", [3.0], ("Warm: < 1s",), "a second limit on duration each"),
        ("Limit", "1s warm", [1.0], ("Limit: 1s warm",), '"warm" has no meaning here'),
        ("Limit | Current", "2s | < 1s", [2.0], ("Current: < 1s",), "not a limit"),
    ],
)
def test_what_is_no_limit_is_told_and_kept(
    header: str, row: str, thresholds: list[float], notes: tuple[str, ...], remark: str
) -> None:
    columns = "-|" * (header.count("|") + 2)
    result = from_table(f"| Job | {header} |", f"|{columns}", f"| Load | {row} |")
    load = budget_of(result, "load")

    assert [limit.threshold for limit in load.limits] == thresholds
    assert load.notes == notes
    assert remark in result.remarks[0]


@pytest.mark.parametrize(
    ("header", "row"),
    [("Target p50 | Limit p99", "1s | 2s"), ("Target | Threshold", "p50 1s | p99 2s")],
)
def test_target_and_threshold_on_different_things_are_two_limits(header: str, row: str) -> None:
    result = from_table(f"| Job | {header} |", "|-|-|-|", f"| Load | {row} |")

    statistics = {limit.statistic: limit.threshold for limit in budget_of(result, "load").limits}

    assert statistics == {Statistic.P50: 1.0, Statistic.P99: 2.0}


def test_columns_may_give_the_category_and_whether_it_is_critical() -> None:
    result = from_table(
        *("| Job | Area | Limit | Critical |", "|-|-|-|-|"),
        *("| Load | Data Base | 1s | Yes |", "| Store | Data Base | 1s | Sometimes |"),
    )

    assert budget_of(result, "load").category == "data_base"
    assert budget_of(result, "load").critical
    assert budget_of(result, "store").notes == ("Critical: Sometimes",)
    assert 'Store.Critical: "Sometimes": neither yes nor no' in result.remarks[0]


def test_a_heading_can_say_that_figures_are_promises() -> None:
    result = import_markdown(
        "# Latency budgets\n\n| Job | Day | Night |\n|-|-|-|\n| Load | 1s | 20 MB |", "doc.md"
    )

    assert budget_of(result, "load").metrics == {Metric.DURATION, Metric.MEMORY_RSS}


@pytest.mark.parametrize(
    ("header", "cell", "metric"),
    [
        ("Limit, CPU time", "1s", Metric.CPU_TIME),
        ("Max memory growth", "5MB", Metric.MEMORY_GROWTH),
        ("Max allocations", "5MB", Metric.MEMORY_PEAK),
        ("Max disk reads", "5MB/s", Metric.DISK_READ_RATE),
        ("Max failures", "5%", Metric.ERROR_RATIO),
        ("Min hit rate", "0.9", Metric.HIT_RATIO),
        ("Max connections", "20", Metric.CONCURRENCY),
    ],
)
def test_words_choose_the_metric(header: str, cell: str, metric: Metric) -> None:
    result = from_table(f"| Job | {header} |", "|-|-|", f"| Load | {cell} |")

    assert budget_of(result, "load").metrics == {metric}


@pytest.mark.parametrize(
    ("header", "cell"),
    [
        ("Max payload", "5MB"),
        ("Max bandwidth", "5MB/s"),
        ("Max errors", "5/s"),
        ("Max retries", "5"),
        ("Max fill level", "80%"),
        ("Max downtime", "5min"),
        ("Max p95 throughput", "p95 5/s"),
    ],
)
def test_figures_that_no_metric_fits_are_kept_as_notes(header: str, cell: str) -> None:
    result = from_table(f"| Job | {header} |", "|-|-|", f"| Load | {cell} |")

    assert budget_of(result, "load").limits == ()
    assert budget_of(result, "load").notes == (f"{header}: {cell}",)


def test_a_row_without_a_name_or_figures_is_told() -> None:
    result = from_table(
        "| Job | Limit |", "|-|-|", "| **Night** | |", "| | 1s |", "| | |", "| Load | 1s |"
    )

    assert result.remarks == (
        'doc.md:5: row "Night | ": no name or no values in it; left out',
        'doc.md:6: row " | 1s": no name or no values in it; left out',
    )


def test_a_table_in_html_is_told() -> None:
    result = from_table("| Job | Limit |", "|-|-|", "| Load | 1s |", "", "<TABLE>", "</TABLE>")

    assert result.remarks == ("doc.md:7: table: it is in HTML, which is not supported; left out",)


@pytest.mark.parametrize(
    "text",
    ["", "# Only words\n\nNothing to see.", "| a | b |\n|-|-|\n| c | d |", "| a |\n|-|\n"],
)
def test_a_document_without_promises_says_what_is_looked_for(text: str) -> None:
    with pytest.raises(CatalogError) as caught:
        import_markdown(text, "doc.md")

    assert caught.value.problems[-1] == (
        "doc.md:1: file: no table with limits in it; write one with a column of names, and"
        ' columns such as "Target" and "Threshold" with values such as "< 100ms" or "> 95%"'
    )


def test_remarks_stay_on_one_harmless_line() -> None:
    result = from_table("| Job | Limit | X |", "|-|-|-|", "| Load | 1s | \x1b[31m |")

    assert all(remark.isprintable() for remark in result.remarks)
