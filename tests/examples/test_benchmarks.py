"""The document, the catalog and the code of the service agree."""

from __future__ import annotations

import re
from pathlib import Path

from perfkit.catalog import load_catalog
from perfkit.document import import_markdown
from voice_service.operations import OPERATIONS

SERVICE = Path(__file__).parents[2] / "examples" / "voice_service"
DOCUMENT = SERVICE / "BENCHMARKS.md"
CATALOG = SERVICE / "perfkit.toml"

QUANTITIES = """
    500ms 1000ms    2000ms 5000ms   1500ms 3000ms   100ms 200ms     300ms 700ms
    200ms 500ms     100ms 300ms     150ms 400ms     500ms 1000ms
    5ms 20ms        50ms 200ms      10ms 50ms       100ms 300ms
    50 25 1000ms    100 50 2000ms   150 75 3000ms
    10 5            15 8            20 10
    100MB 200MB     150MB 300MB     200MB 400MB     50MB 100MB      500MB 1GB
    5% 15%          30% 60%         20% 40%         50% 80%
    10MB/min 50MB/min   100MB/min 300MB/min   50MB/min 150MB/min
    1000 500        100/sec 50/sec  100ms 500ms
    85% 70% 50ms    90% 80% 100ms   95% 85% 200ms
"""
"""The quantities in the ten tables of the document, one table per line."""


def quantities_in(document: str) -> str:
    """Return all quantities in the body cells of tables, without the first column."""
    rows = [line.strip("|").split("|")[1:] for line in document.splitlines() if line[:2] == "| "]
    cells = [cell.strip() for row in rows for cell in row]
    quantity = r"[<>]? ?(\d+(?:ms|[MG]B/min|[MG]B|%|/sec)?)( latency| req/sec| concurrent)?"
    found = [re.fullmatch(quantity, cell) for cell in cells]
    return " ".join(match[1] for match in found if match)


def test_the_document_has_all_its_quantities() -> None:
    assert quantities_in(DOCUMENT.read_text("utf-8")) == " ".join(QUANTITIES.split())


def test_the_document_has_37_budgets_in_ten_tables() -> None:
    imported = import_markdown(DOCUMENT.read_text("utf-8"), DOCUMENT.name).catalog

    assert len(imported.budgets) == 37
    assert len({budget.category for budget in imported.budgets}) == 10


def test_the_catalog_equals_the_imported_document() -> None:
    imported = import_markdown(DOCUMENT.read_text("utf-8"), DOCUMENT.name).catalog

    assert load_catalog(CATALOG).budgets == imported.budgets


def test_the_service_times_every_response_time_of_the_document() -> None:
    names = [
        budget.name
        for budget in load_catalog(CATALOG).budgets
        if budget.category in {"voice_operations", "database_operations", "cache_operations"}
    ]

    assert names == list(OPERATIONS)


def test_every_operation_can_be_slowed_and_is_timed_under_its_own_name() -> None:
    code = "\n".join(path.read_text("utf-8") for path in SERVICE.glob("*.py"))

    for name in OPERATIONS:
        assert re.search(rf'@timed\("{name}"\)|with budget\("{name}"\)', code)
        assert f'pause("{name}")' in code
