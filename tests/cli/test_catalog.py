"""`perfkit catalog` does what is asked, or says why not in one line each and exits with 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from perfkit.catalog import load_catalog
from perfkit.cli.group import command
from perfkit.text import printable

ROOT = Path(__file__).parents[2]
DOCUMENTS = ROOT / "tests" / "document" / "documents"
SEED = ROOT.parent / "shared" / "seed" / "ai-therapist-performance-benchmarks.md"
CATALOG = """\
[budgets.session_retrieval]
category = "database"
critical = true
description = "Load one stored session."
duration = { target = "100ms", threshold = "300ms" }

[budgets.cache_hit]
hit_ratio = { target = "95%", threshold = "85%", window = "5m", min_samples = 20 }
duration = { threshold = "20ms", statistic = "p95", window = "5m" }

[budgets.bare]
"""
MORE = """\
[budgets.checkout]
objective = "99.9%"

[budgets.search]
duration = "300ms"
objective = { ratio = "99%", period = "7d", min_samples = 50 }
evidence = ["cpu", "children"]

[budgets.traced]
evidence = ["stack"]
"""


def perfkit(*arguments: object) -> Result:
    """Run the command."""
    return CliRunner().invoke(command, [str(each) for each in arguments])


@pytest.fixture(autouse=True)
def _catalogs(folder: Path) -> None:
    (folder / "perfkit.toml").write_text(CATALOG)
    (folder / "more.toml").write_text(MORE)


# check


def test_check_says_in_one_line_that_all_is_well(folder: Path) -> None:
    result = perfkit("catalog", "check", "perfkit.toml")

    assert result.exit_code == 0
    assert result.output == "perfkit.toml: 3 budgets, 3 limits, no problems\n"


def test_check_finds_the_catalog_by_itself(folder: Path) -> None:
    assert "3 budgets" in perfkit("catalog", "check").stdout


def test_check_tells_every_problem_on_standard_error(folder: Path) -> None:
    (folder / "bad.toml").write_text("[budgets.a]\nduration = '5'\ncolour = 1\n")

    result = perfkit("catalog", "check", "bad.toml")

    assert result.exit_code == 2
    assert result.stdout == ""
    number, colour = result.stderr.splitlines()
    assert number == 'bad.toml:2: a.duration: "5" has no unit; write "100ms", "1.5s" or "2min"'
    assert colour.startswith("bad.toml:3: a.colour: unknown key; write one of category, critical,")


@pytest.mark.parametrize("subcommand", ["check", "list", "import"])
@pytest.mark.parametrize("name", ["missing.toml", ".", "no\x1b[2J\nsuch.toml"])
def test_a_file_that_is_none_is_one_line_and_exit_code_2(
    folder: Path, subcommand: str, name: str
) -> None:
    result = perfkit("catalog", subcommand, name)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"{printable(name)}:1: file: ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("subcommand", ["check", "list"])
def test_no_catalog_anywhere_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, subcommand: str
) -> None:
    monkeypatch.setattr("perfkit.cli.files.find_catalog", lambda: None)

    result = perfkit("catalog", subcommand)

    assert result.exit_code == 2
    assert "make one with: perfkit catalog import DOC.md" in result.stderr


# list


def test_list_shows_budgets_by_category_in_80_columns(folder: Path) -> None:
    result = perfkit("catalog", "list")

    assert [line.rstrip() for line in result.stdout.splitlines()] == [
        "budget               critical  limit                   target  threshold",
        "database",
        "  session_retrieval  yes       duration                100ms   300ms",
        "(no category)",
        "  cache_hit                    hit_ratio over 5min     >= 95%  >= 85%",
        "                               duration p95 over 5min  20ms    20ms",
        "  bare                         no limit",
    ]


def test_names_from_a_file_do_not_reach_the_terminal_raw(folder: Path) -> None:
    (folder / "odd.toml").write_text('[budgets."[red]a\\u001b[31m"]\nduration = "1s"\n')

    result = perfkit("catalog", "list", "odd.toml")

    assert "[red]a\\x1b[31m" in result.stdout
    assert "\x1b" not in result.stdout


def test_list_writes_json_in_base_units() -> None:
    result = perfkit("catalog", "list", "--json")

    usual = {
        "category": "",
        "critical": False,
        "description": "",
        "objective": None,
        "evidence": [],
    }
    duration = {"metric": "duration", "direction": "at_most", "min_samples": 1}
    each = {"target": 0.1, "threshold": 0.3, "statistic": "each", "window": None}
    p95 = {"target": 0.02, "threshold": 0.02, "statistic": "p95", "window": 300.0}
    hits = {"metric": "hit_ratio", "target": 0.95, "threshold": 0.85, "direction": "at_least"}
    of_hits = {"statistic": "ratio", "window": 300.0, "min_samples": 20}
    described = {"category": "database", "description": "Load one stored session."}
    assert json.loads(result.stdout) == [
        usual
        | described
        | {"name": "session_retrieval", "critical": True, "limits": [duration | each]},
        usual | {"name": "cache_hit", "limits": [hits | of_hits, duration | p95]},
        usual | {"name": "bare", "limits": []},
    ]


def test_list_shows_objectives_and_evidence(folder: Path) -> None:
    result = perfkit("catalog", "list", "more.toml")

    assert [line.rstrip() for line in result.stdout.splitlines()[2:]] == [
        "  checkout               objective over 30d       99.9%",
        "  search                 duration                 300ms   300ms",
        "                         objective over 7d        99%",
        "                         evidence: cpu, children",
        "  traced                 no limit",
        "                         evidence: stack",
    ]


def test_list_writes_objectives_and_evidence_as_json(folder: Path) -> None:
    listed = json.loads(perfkit("catalog", "list", "more.toml", "--json").stdout)

    assert [(each["objective"], each["evidence"]) for each in listed] == [
        ({"ratio": 0.999, "period": 2_592_000.0, "min_samples": 20}, []),
        ({"ratio": 0.99, "period": 604_800.0, "min_samples": 50}, ["cpu", "children"]),
        (None, ["stack"]),
    ]


def test_check_counts_objectives(folder: Path) -> None:
    result = perfkit("catalog", "check", "more.toml")

    assert result.output == "more.toml: 3 budgets, 1 limit, 2 objectives, no problems\n"


# import


def test_import_writes_a_catalog_to_standard_output(folder: Path) -> None:
    result = perfkit("catalog", "import", DOCUMENTS / "app_performance.md")

    (folder / "out.toml").write_text(result.stdout, encoding="utf-8")
    assert result.exit_code == 0
    assert len(load_catalog(folder / "out.toml").budgets) == 37


def test_import_tells_what_did_not_fit_on_standard_error() -> None:
    result = perfkit("catalog", "import", DOCUMENTS / "app_performance.md")

    *remarks, summary = result.stderr.splitlines()
    assert all(": not a limit; kept as a note" in remark for remark in remarks)
    assert summary == f"{DOCUMENTS / 'app_performance.md'}: 37 budgets, 3 remarks"


def test_import_does_not_overwrite(folder: Path) -> None:
    result = perfkit("catalog", "import", DOCUMENTS / "service_levels.md", "-o", "perfkit.toml")

    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == (
        "perfkit.toml:1: file: it exists; overwrite it with --force"
    )
    assert (folder / "perfkit.toml").read_text() == CATALOG


@pytest.mark.parametrize("arguments", [["new.toml"], ["perfkit.toml", "--force"]])
def test_import_writes_a_file_and_overwrites_one_by_force(arguments: list[str]) -> None:
    result = perfkit("catalog", "import", DOCUMENTS / "service_levels.md", "-o", *arguments)

    assert (result.exit_code, result.stdout) == (0, "")
    assert len(load_catalog(arguments[0]).budgets) == 3


@pytest.mark.parametrize("name", ["missing/new.toml", "."])
def test_import_to_an_impossible_place_is_told(folder: Path, name: str) -> None:
    document = DOCUMENTS / "service_levels.md"

    result = perfkit("catalog", "import", document, "-o", name, "--force")

    assert result.exit_code == 2
    assert "it cannot be written" in result.stderr.splitlines()[-1]


# The document that perfkit was begun for

SEED_LIMITS = {
    ("session_retrieval", "duration"): (0.1, 0.3, "at_most"),
    ("cache_performance_1gb", "hit_ratio"): (0.95, 0.85, "at_least"),
    ("cache_performance_1gb", "duration"): (0.2, 0.2, "at_most"),
    ("log_writing", "disk_write_rate"): (10e6 / 60, 50e6 / 60, "at_most"),
    ("light_10_users", "throughput"): (50.0, 25.0, "at_least"),
    ("light_10_users", "duration"): (1.0, 1.0, "at_most"),
    ("max_concurrent_sessions", "concurrency"): (1000.0, 500.0, "at_least"),
    ("max_concurrent_sessions", "scaling_exponent"): (1.0, 1.0, "at_most"),
    ("peak_load_memory", "memory_rss"): (500e6, 1e9, "at_most"),
    ("idle_state", "cpu_utilization"): (0.05, 0.15, "at_most"),
}


def test_its_rows_its_limits_and_what_is_critical() -> None:
    if not SEED.exists():
        pytest.skip("that document is not part of the project")
    assert perfkit("catalog", "import", SEED, "-o", "seed.toml").exit_code == 0
    budgets = json.loads(perfkit("catalog", "list", "seed.toml", "--json").stdout)
    limits = {
        (budget["name"], each["metric"]): (each["target"], each["threshold"], each["direction"])
        for budget in budgets
        for each in budget["limits"]
    }
    critical = [budget["name"] for budget in budgets if budget["critical"]]

    assert len(budgets) == 37
    assert limits | SEED_LIMITS == limits
    assert "session_retrieval" in critical
    assert len(critical) == 10
