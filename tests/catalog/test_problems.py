"""A catalog file with mistakes is reported as a list of all problems, with their lines."""

from __future__ import annotations

import pytest

from perfkit.catalog import load_catalog, parse_catalog
from perfkit.errors import CatalogError


def problems_of(text: str, source: str = "perfkit.toml") -> tuple[str, ...]:
    """Everything that is said of a catalog that is wrong."""
    with pytest.raises(CatalogError) as caught:
        parse_catalog(text, source)
    return caught.value.problems


PATHS = {
    "[budgets.a]": "a.",
    "[settings]": "settings.",
    "[[routes]]\nsinks = []": "routes[0].",
    "[sinks.a]\ntype = 'log'": "sinks.a.",
}
BELOW = {
    "[budgets.a]": [
        ("categry = 'x'", ": unknown key; did you mean category?"),
        ("latency = '1s'", ": unknown key; did you mean duration?"),
        ("qqq = 1", ": unknown key; write one of category, critical"),
        ("duration = '5MB'", ': "5MB" is not a duration; write "100ms"'),
        ("duration = 5", ': 5 has no unit; write "100ms"'),
        ("duration = 1979-05-27", ": 1979-05-27 is not"),
        (
            "duration = { target = '2s', threshold = '1s' }",
            ": target 2 s is looser than threshold 1 s; write a target of at most 1 s",
        ),
        (
            "hit_ratio = { target = '70%', threshold = '80%' }",
            ": target 70% is looser than threshold 80%; write a target of at least",
        ),
        ("duration = { target = '1s' }", ': no threshold; write threshold = "100ms"'),
        (
            "duration = { threshold = '1s', statistic = 'p95', window = 60 }",
            ".window: 60 has no unit",
        ),
        ("critical = 'yes'", ': "yes" is neither true nor false; write'),
        ("category = 1", ": 1 is not text; write it in quotes"),
        ("sinks = 'log'", ': "log" is not a list; write ["..."]'),
        ("sinks = [1]", "[0]: 1 is not text"),
        ("spans = 'some'", ': "some" is not one of the choices; write'),
        ("burn_rate = 2", ': burn_rate is judged for an objective; write objective = "99.9%"'),
        ("slo = 1", ": unknown key; did you mean objective?"),
        ("objective = 'most'", ': "most" is not a ratio; write one such as "99.9%"'),
        ("objective = 99.9", ": ratio is 9,990%; write one above 0% and below 100%, such as 99.9%"),
        ("objective = { }", ': no ratio; write ratio = "99.9%"'),
        ("evidence = 'cpu'", ': "cpu" is not a list; write evidence = ["cpu"]'),
        (
            "evidence = [1]",
            '[0]: 1 is no kind of evidence; write one of "cpu", "memory", "stack", ',
        ),
        (
            "hit_ratio = { threshold = '1%', statistic = 'p95' }",
            '.statistic: hit_ratio has no statistic "p95"; write one of "each", ',
        ),
    ],
    "[settings]": [
        ("evidence_interval = '-1s'", ': "-1s" is not a time of zero or more; write one'),
        ("evidence_interval = 60", ": 60 has no unit"),
        ("max_overhead = '0%'", ': "0%" is out of range; write one above 0% up to 100%'),
        ("max_overhead = 1.5", ": 1.5 is out of range; write"),
        ("monitor_interval = '0s'", ': "0s" is not a time above zero; write one'),
        ("monitor = 'base'", ': "base" is not a list of budgets; write true, false or ["base"]'),
        ("monitor = ['base']", '[0]: no budget is called "base"; write the name of one, or a glob'),
        ("span = 'never'", ": unknown key; did you mean spans?"),
        ("unknown_budgets = 'maybe'", ': "maybe" is not one of the choices; write one of "warn"'),
        ("routing = 'every'", ': "every" is not one of the choices; write one of'),
        ("delivery = 'later'", ': "later" is not one of the choices; write one'),
        ("environment = 1", ": 1 is not text; write it in quotes"),
        ("enabled = 1", ": 1 is neither true nor false"),
        (
            'monitor_interval = "5 parsecs"',
            ': "5 parsecs" has an unknown unit; write one of ns, us, ms, s, min, h, d',
        ),
    ],
    "[[routes]]\nsinks = []": [
        (
            "when = { severity = 'warning' }",
            '.severity: it is a route for "warning" and worse; write ">= warning"',
        ),
        (
            "when = { severity = '> info' }",
            '.severity: "> info" is not a severity; write ">= info"',
        ),
        ("name = 1", ": 1 is not text; write it in quotes"),
        ("name = 'default'", ': "default" is what no route matches; write another'),
        ("when = 1", ': 1 is not a table; write { category = "database" }'),
        ("when = { budget = 1 }", ".budget: 1 is not text; write it in quotes"),
        ("when = { metric = 1 }", ".metric: 1 is not text; write it in quotes"),
        (
            "when = { metric = 'duratoin' }",
            '.metric: "duratoin" is no metric; did you mean "duration"?',
        ),
        ("when = { metric = 'xyz_*' }", '.metric: "xyz_*" is no metric; write one of "dur'),
        (
            "when = { state = 'broken' }",
            '.state: "broken" is not one of the choices; write one of "degraded", "violated"',
        ),
        ("when = { state = [] }", ".state: [] is not one of the choices; write"),
        ("when = { severity = 1 }", ".severity: 1 is not a severity; write"),
        ("when = { environment = 1 }", ".environment: 1 is not text; write it in quotes"),
        ("whn = { }", ": unknown key; did you mean when?"),
        ("when = ['a', true, {}, [1]]", ': ["a", true, ..., ...] is not a table; write'),
    ],
    "[sinks.a]\ntype = 'log'": [
        ("match = 1", ': 1 is not a table; write { category = "database" }'),
        ("match = { name = 'x' }", ".name: unknown key; write one of budget, category,"),
        ("match = { sinks = [] }", ".sinks: unknown key; "),
        ("match = { state = 'met' }", ".state: this text is not one of the choices; write"),
        ("rate_limit = 5", ': 5 has no unit; write "50 req/sec" or "100/s"'),
        ("rate_limit = '5s'", ": this text is not a rate; write "),
        ("rate_limit = '0/s'", ': this text is not a rate above zero; write one, such as "10/min"'),
        ("burst = 0", ": 0 is not a whole number of at least 1; write one"),
        ("burst = true", ": true is not a whole number of at least 1; write one"),
        ("burst = 'off'", ": this text is not a whole number of at least 1; write one"),
        ("repeat_interval = 300", ': 300 has no unit; write "100ms"'),
        ("repeat_interval = true", ": true is not a quantity; write"),
        ("repeat_interval = '0s'", ': this text is not a time above zero; write one, such as "5m'),
        ("resolve_after = 'never'", ': this text is not a quantity; write "100ms"'),
        ("repeat_interval = '5MB'", ': this text is not a duration; write "100ms"'),
        ("batch_size = '5'", ": this text is not a whole number of at least 1"),
        ("batch_wait = 'off'", ": this text is not a quantity; write"),
        ("batch_wait = '-1s'", ": this text is not a time above zero; write one"),
        ("max_attempts = 1.5", ": 1.5 is not a whole number of at least 1; write one"),
        ("max_failures = 0", ': 0 is not a whole number of at least 1; write one, or "off"'),
        ("failure_cooldown = 1", ": 1 has no unit; write"),
        ("background = 'yes'", ": this text is neither true nor false; write true"),
        ("queue_size = -1", ": -1 is not a whole number of at least 1"),
        ("when_full = 'wait'", ': this text is not one of the choices; write one of "drop_oldest"'),
        (
            "repeat_interval = '5 parsecs'",
            ": this text has an unknown unit; write one of ns, us, ms, s, mi",
        ),
        ("repeat_interval = '5'", ': this text has no unit; write "100ms", "1.5s" or "2min"'),
        ("repeat_interval = '1e999s'", ": this text is too large; write a smaller quantity"),
        ("repeat_interval = '5 ,'", ': this text is not a quantity; write "100ms"'),
        ("batch_wait = 0.5", ': 0.5 has no unit; write "100ms", "1.5s" or "2min"'),
        ("batch_wait = -1", ': -1 has no unit; write "100ms", "1.5s" or "2min"'),
        ("batch_wait = nan", ': nan has no unit; write "100ms", "1.5s" or "2min"'),
        ("batch_wait = 2026-01-01", ': 2026-01-01 is not a quantity; write "100ms"'),
    ],
}


@pytest.mark.parametrize(
    ("table", "line", "problem"),
    [(table, *row) for table, rows in BELOW.items() for row in rows],
)
def test_a_mistake_is_told_with_line_key_and_remedy(table: str, line: str, problem: str) -> None:
    """A problem begins behind the key of its line."""
    (found,) = problems_of(f"{table}\n{line}")
    number, key = len(table.splitlines()) + 1, line.partition(" ")[0]

    assert found.startswith(f"perfkit.toml:{number}: {PATHS[table]}{key}{problem}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[budget.a]", "1: budget: unknown key; did you mean budgets?"),
        ("budgets = 1", "1: budgets: 1 is not a table; write [budgets.session_retrieval]"),
        ("[budgets]\na = 1", '2: a: 1 is not a table; write { duration = "300ms" }'),
        ("[budgets.'']", '1: "": a budget has no name; write one'),
        (
            "[budgets.a]\nduration = [{ threshold = '1s' },\n{ threshold = '2s' }]",
            "1: a: two limits on duration each; keep one of them",
        ),
        (
            "[budgets.a]\n[budgets.a.objective]\nratio = '99%'\nperiod = 30",
            "4: a.objective.period: 30 has no unit",
        ),
        (
            "[budgets.a]\nevidence = ['cpu',\n'mem']",
            '3: a.evidence[1]: "mem" is no kind of evidence; did you mean "memory"?',
        ),
        (
            "[settings]\nmonitor = [\n'bse',\n'b*']\n[budgets.base]",
            '3: settings.monitor[0]: no budget is called "bse"; did you mean "base"?',
        ),
        ("settings = 1", "1: settings: 1 is not a table; write [settings]"),
        ("[settings.category_spans]\ndb = 1", "2: settings.category_spans.db: 1 is not one of"),
        ("routes = 1", "1: routes: 1 is not a list of routes; write [[routes]]"),
        ("[[routes]]", '1: routes[0]: no sinks; write sinks = ["log"]'),
        (
            "[[routes]]\nsinks = []\n[[routes]]\nsinks = []\n[routes.when]\nname = 'a'",
            "6: routes[1].when.name: unknown key; write one of budget, category, metric, ",
        ),
        ("[sinks.file]\ntype = 1", "2: sinks.file.type: 1 is not text"),
        ("\n[budgets.a\n", "2: file: "),
        ("a = [\n1,\n", "2: file: "),
        ("a = " + "1" * 5000, "1: file: a value is out of range; correct the TOML here"),
        ("a = \x00", "1: file: "),
        ('[routes]\nsinks = ["log"]', "1: routes: routes is a table; write [[routes]]"),
        (
            "[[routes]]\nsinks = { a = 'b' }",
            '2: routes[0].sinks: this table is not a list; write ["..."]',
        ),
    ],
)
def test_a_mistake_elsewhere_is_told_with_line_key_and_remedy(text: str, problem: str) -> None:
    (found,) = problems_of(text)

    assert found.startswith(f"perfkit.toml:{problem}")


def test_a_mistake_in_the_toml_says_what_to_do() -> None:
    (problem,) = problems_of("[budgets.a")

    assert problem.endswith("; correct the TOML here")


@pytest.mark.parametrize(
    ("text", "source"),
    [
        *((text, "perfkit.toml") for text in ("", "\n\n", "# nothing yet\n")),
        ('[project]\nname = "a"\n', "pyproject.toml"),
    ],
)
def test_an_empty_catalog_says_what_to_write(text: str, source: str) -> None:
    (problem,) = problems_of(text, source)

    assert "nothing in it; write a budget, such as [budgets.session_retrieval]" in problem


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    problems = problems_of(
        "[[routes]]\n"
        "[budgets.a]\n"
        "duration = '1'\n"
        "memory_peak = { target = '5s', threshold = 'much', colour = 'red' }\n"
        "[settings]\n"
        "spans = 'never ever'\n"
    )

    assert [problem.split(": ")[:2] for problem in problems] == [
        ["perfkit.toml:1", "routes[0]"],
        ["perfkit.toml:3", "a.duration"],
        ["perfkit.toml:4", "a.memory_peak.colour"],
        ["perfkit.toml:4", "a.memory_peak.target"],
        ["perfkit.toml:4", "a.memory_peak.threshold"],
        ["perfkit.toml:6", "settings.spans"],
    ]


def test_all_that_is_wrong_with_an_objective_is_said_at_once() -> None:
    problems = problems_of(
        "[budgets.a]\nobjective = { ratio = '100%', period = 'long', min_samples = 1.5, goal = 1 }"
    )

    assert [problem.split(": ")[1] for problem in problems] == [
        "a.objective.goal",
        "a.objective.period",
        "a.objective.min_samples",
        "a.objective",
    ]


def test_a_monitored_budget_that_is_wrong_is_not_called_unknown() -> None:
    (problem,) = problems_of("[settings]\nmonitor = ['a']\n[budgets.a]\nduration = 1")

    assert "a.duration" in problem


def test_a_name_written_twice_is_reported_with_both_lines() -> None:
    problems = problems_of(
        "[budgets.a]\nduration = '1'\n[budgets.a]\nduration = '2'\n[budgets.a]\nduration = '3s'\n"
    )

    assert problems == (
        "perfkit.toml:3: a: written again, first on line 1; rename or remove one of them",
        "perfkit.toml:5: a: written again, first on line 1; rename or remove one of them",
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[budgets.a]\nspans = 'never'\nspans = 'always'\nx = 1", "3: a.spans: written again"),
        ("[settings]\nx = 1\n[settings]\ny = 1\n", "3: settings: written again"),
        ("[budgets]\na = { x = 1, x = 2 }\nb = 1", "2: a.x: written again"),
    ],
)
def test_a_key_written_twice_is_reported_at_its_line(text: str, problem: str) -> None:
    (found,) = problems_of(text)

    assert found.startswith(f"perfkit.toml:{problem}, first on line ")


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 100_000,
        "a = " + "{ b = " * 10_000,
        "a" + ".a" * 100_000 + " = 1",
        "[a" + ".a" * 100_000 + "]",
    ],
)
def test_deep_nesting_is_refused_at_once(text: str) -> None:
    (problem,) = problems_of(f"\n{text}")

    assert problem == "perfkit.toml:2: file: nested deeper than 32; write flatter tables"


def test_a_stack_that_is_nearly_full_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def overflow(_: str) -> None:
        raise RecursionError

    monkeypatch.setattr("tomllib.loads", overflow)

    assert problems_of("a = []") == (
        "perfkit.toml:1: file: nested too deeply; write flatter tables",
    )


def test_a_document_in_place_of_a_catalog_says_how_to_make_one() -> None:
    with pytest.raises(CatalogError, match="it is Markdown, not TOML; make a catalog of it with"):
        load_catalog("PERFORMANCE.md")


def test_thousands_of_problems_are_all_told() -> None:
    text = "[budgets.a]\n" + "".join(f"key_{number} = 1\n" for number in range(5000))

    assert len(problems_of(text)) == 5000


def test_keys_and_values_from_a_file_stay_on_one_harmless_line() -> None:
    text = (
        '[budgets."a\\nb\\u001b[31m"]\nduration = "\\u001b[2J\\n"\n"x\\ty" = 1\n'
        + "k" * 5000
        + " = 1"
    )

    for problem in problems_of(text):
        assert problem.isprintable()
        assert len(problem) < 700


def test_the_burn_rate_is_never_suggested() -> None:
    (problem,) = problems_of("[budgets.a]\nbrn_rate = 1")

    assert "burn_rate" not in problem


def test_problems_in_a_pyproject_have_its_lines_and_no_prefix() -> None:
    text = '[project]\nname = "a"\n[tool.perfkit.budgets.load]\nduration = "1"\n'

    assert problems_of(text, "app/pyproject.toml") == (
        'app/pyproject.toml:4: load.duration: "1" has no unit; write "100ms", "1.5s" or "2min"',
    )


def test_windows_line_ends_do_no_harm() -> None:
    (problem,) = problems_of("[budgets.a]\r\nnotes = ['x']\r\nduration = { threshold = '100' }\r\n")

    assert problem.startswith('perfkit.toml:3: a.duration.threshold: "100" has no unit')
