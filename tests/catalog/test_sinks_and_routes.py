"""What a catalog says of sinks and routes is read whole, or all that is wrong with it is told."""

from __future__ import annotations

import pytest
from attrs import evolve, fields_dict

from perfkit.catalog import Catalog, CatalogSettings, SinkDeclaration, dump_catalog, parse_catalog
from perfkit.catalog.reading import POLICY, default_policy
from perfkit.catalog.routes import CONDITIONS
from perfkit.errors import CatalogError
from perfkit.model import Policy, Route, Severity, State
from perfkit.sinks import LogSink
from tests.catalog.test_problems import problems_of

ROUTES = """\
[settings]
routing = "all"
delivery = "background"
environment = "production"

[[routes]]
name = "on_call"
sinks = ["pager"]

[routes.when]
budget = "session_*"
category = "database"
metric = "memory_*"
severity = "critical"
state = "violated"
environment = "prod*"

[[routes]]
when = { state = "degraded", severity = ">= info" }
sinks = []
"""

SINK = """\
[sinks.pager]
type = "webhook"
url = "${PAGER_URL}"
match = { severity = "critical", environment = "production" }
rate_limit = "10/min"
burst = 3
repeat_interval = "1h"
resolve_after = "10min"
send_resolved = false
batch_size = 20
batch_wait = "5s"
max_attempts = 4
max_failures = 5
failure_cooldown = "2min"
background = false
queue_size = 100
when_full = "drop_newest"

[sinks.pager.headers]
Authorization = "Bearer ${TOKEN}"
"""


def test_every_condition_of_a_route_is_read() -> None:
    named, other = parse_catalog(ROUTES).routes
    assert named == Route(
        sinks=("pager",),
        name="on_call",
        budget="session_*",
        category="database",
        metric="memory_*",
        severity=Severity.CRITICAL,
        state=State.VIOLATED,
        environment="prod*",
    )
    assert other == Route(sinks=(), severity=Severity.INFO, state=State.DEGRADED)


def test_the_settings_of_delivery_are_read() -> None:
    settings = CatalogSettings(routing="all", delivery="background", environment="production")
    assert parse_catalog(ROUTES).settings == settings


def test_every_key_of_the_way_to_a_sink_is_read_and_the_rest_are_its_options() -> None:
    (sink,) = parse_catalog(SINK).sinks
    assert sink.type == "webhook"
    assert dict(sink.options) == {
        "url": "${PAGER_URL}",
        "headers": {"Authorization": "Bearer ${TOKEN}"},
    }
    assert sink.policy == Policy(
        match=Route(sinks=(), severity=Severity.CRITICAL, environment="production"),
        rate_limit=10 / 60,
        burst=3,
        repeat_interval=3600.0,
        resolve_after=600.0,
        send_resolved=False,
        batch_size=20,
        batch_wait=5.0,
        max_attempts=4,
        max_failures=5,
        failure_cooldown=120.0,
        background=False,
        queue_size=100,
        when_full="drop_newest",
    )


def test_there_is_a_key_for_all_that_a_policy_and_a_route_hold() -> None:
    assert set(POLICY) == set(fields_dict(Policy))
    assert set(CONDITIONS) == set(fields_dict(Route)) - {"sinks", "name"}


@pytest.mark.parametrize("key", ["repeat_interval", "resolve_after", "rate_limit", "max_failures"])
@pytest.mark.parametrize("written", ['"off"', "false"])
def test_what_is_usual_can_be_turned_off(key: str, written: str) -> None:
    (sink,) = parse_catalog(f'[sinks.a]\ntype = "log"\n{key} = {written}').sinks
    whole = sink.policy.over(default_policy("notify"))
    assert getattr(whole, key) == 0


@pytest.mark.parametrize("text", [ROUTES, SINK])
def test_what_is_read_and_written_is_read_as_the_same(text: str) -> None:
    catalog = parse_catalog(text)
    assert evolve(parse_catalog(dump_catalog(catalog)), source=catalog.source) == catalog


def test_what_is_written_is_what_a_person_would_write() -> None:
    policy = Policy(
        match=Route(sinks=(), severity=Severity.WARNING, state=State.VIOLATED),
        rate_limit=5.0,
        repeat_interval=300.0,
        max_failures=0,
        max_attempts=3,
        background=True,
    )
    sink = SinkDeclaration(name="a", type="webhook", options={"url": "${URL}"}, policy=policy)
    assert dump_catalog(Catalog(sinks=(sink,))) == (
        "[sinks.a]\n"
        'type = "webhook"\n'
        'url = "${URL}"\n'
        'match = { severity = ">= warning", state = "violated" }\n'
        'repeat_interval = "5min"\n'
        'rate_limit = "5/s"\n'
        "background = true\n"
        'max_failures = "off"\n'
        "max_attempts = 3\n"
    )


def test_whole_numbers_of_seconds_in_code_are_written_with_their_unit() -> None:
    policy = Policy(rate_limit=2, repeat_interval=300, batch_wait=5, max_failures=0)
    sink = SinkDeclaration(name="a", type="log", policy=policy)
    assert parse_catalog(dump_catalog(Catalog(sinks=(sink,)))).sinks == (sink,)


def test_a_sink_without_a_name_cannot_be_written() -> None:
    catalog = Catalog(routes=(Route(sinks=(LogSink(),)),))
    with pytest.raises(CatalogError, match="leads to a LogSink, which a file cannot hold"):
        dump_catalog(catalog)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("match = 1", 'sinks.a.match: 1 is not a table; write { category = "database" }'),
        (
            "match = { name = 'x' }",
            "sinks.a.match.name: unknown key; write one of budget, category,",
        ),
        ("match = { sinks = [] }", "sinks.a.match.sinks: unknown key; "),
        (
            "match = { state = 'met' }",
            "sinks.a.match.state: this text is not the state of a violation",
        ),
        ("rate_limit = 5", 'sinks.a.rate_limit: 5 has no unit; write "50 req/sec" or "100/s"'),
        ("rate_limit = '5s'", "sinks.a.rate_limit: this text is not a rate; write "),
        (
            "rate_limit = '0/s'",
            'sinks.a.rate_limit: this text is not a rate above zero; write one, such as "10/min"',
        ),
        ("burst = 0", "sinks.a.burst: 0 is not a whole number of at least 1; write one"),
        ("burst = true", "sinks.a.burst: true is not a whole number of at least 1; write one"),
        (
            "burst = 'off'",
            "sinks.a.burst: this text is not a whole number of at least 1; write one",
        ),
        ("repeat_interval = 300", 'sinks.a.repeat_interval: 300 has no unit; write "100ms"'),
        ("repeat_interval = true", "sinks.a.repeat_interval: true is not a quantity; write"),
        (
            "repeat_interval = '0s'",
            'sinks.a.repeat_interval: this text is not a time above zero; write one, such as "5m',
        ),
        (
            "resolve_after = 'never'",
            'sinks.a.resolve_after: this text is not a quantity; write "100ms"',
        ),
        (
            "repeat_interval = '5MB'",
            'sinks.a.repeat_interval: this text is not a duration; write "100ms"',
        ),
        ("batch_size = '5'", "sinks.a.batch_size: this text is not a whole number of at least 1"),
        ("batch_wait = 'off'", "sinks.a.batch_wait: this text is not a quantity; write"),
        ("batch_wait = '-1s'", "sinks.a.batch_wait: this text is not a time above zero; write one"),
        (
            "max_attempts = 1.5",
            "sinks.a.max_attempts: 1.5 is not a whole number of at least 1; write one",
        ),
        (
            "max_failures = 0",
            'sinks.a.max_failures: 0 is not a whole number of at least 1; write one, or "off"',
        ),
        ("failure_cooldown = 1", "sinks.a.failure_cooldown: 1 has no unit; write"),
        (
            "background = 'yes'",
            "sinks.a.background: this text is neither true nor false; write true",
        ),
        ("queue_size = -1", "sinks.a.queue_size: -1 is not a whole number of at least 1"),
        (
            "when_full = 'wait'",
            'sinks.a.when_full: this text is not one of the choices; write one of "drop_oldest"',
        ),
    ],
)
def test_a_mistake_in_a_sink_is_told_with_line_key_and_remedy(line: str, problem: str) -> None:
    (found,) = problems_of(f'[sinks.a]\ntype = "log"\n{line}')
    assert found.startswith(f"perfkit.toml:3: {problem}")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("name = 1", "name: 1 is not text; write it in quotes"),
        ("name = 'default'", 'name: "default" is what no route matches; write another'),
        ("when = 1", 'when: 1 is not a table; write { category = "database" }'),
        ("when = { budget = 1 }", "when.budget: 1 is not text; write it in quotes"),
        ("when = { metric = 1 }", "when.metric: 1 is not text; write it in quotes"),
        (
            "when = { metric = 'duratoin' }",
            'when.metric: "duratoin" is no metric; did you mean "duration"?',
        ),
        ("when = { metric = 'xyz_*' }", 'when.metric: "xyz_*" is no metric; write one of "dur'),
        (
            "when = { state = 'broken' }",
            'when.state: "broken" is not the state of a violation; write one of "degraded"',
        ),
        ("when = { state = [] }", "when.state: [] is not the state of a violation; write"),
        ("when = { severity = 1 }", "when.severity: 1 is not a severity; write"),
        ("when = { environment = 1 }", "when.environment: 1 is not text; write it in quotes"),
        ("whn = { }", "whn: unknown key; did you mean when?"),
    ],
)
def test_a_mistake_in_a_route_is_told_with_line_key_and_remedy(line: str, problem: str) -> None:
    (found,) = problems_of(f"[[routes]]\nsinks = []\n{line}")
    assert found.startswith(f"perfkit.toml:3: routes[0].{problem}")


def test_two_routes_of_one_name_are_told_at_the_second() -> None:
    text = '[[routes]]\nname = "a"\nsinks = []\n[[routes]]\nsinks = []\nname = "a"\n'
    assert problems_of(text) == (
        'perfkit.toml:6: routes[1].name: routes[0] is called "a" too; rename one of them',
    )


def test_all_mistakes_come_at_once() -> None:
    text = (
        '[[routes]]\nwhen = { metric = "x", state = "y" }\n'
        '[sinks.a]\nburst = 0\nrepeat_interval = 1\nmatch = { severity = "z" }\n'
    )
    assert [problem.split(": ")[1] for problem in problems_of(text)] == [
        "routes[0]",
        "routes[0].when.metric",
        "routes[0].when.state",
        "sinks.a.burst",
        "sinks.a.repeat_interval",
        "sinks.a.match.severity",
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            "repeat_interval = '5 parsecs'",
            "this text has an unknown unit; write one of ns, us, ms, s, mi",
        ),
        ("repeat_interval = '5'", 'this text has no unit; write "100ms", "1.5s" or "2min"'),
        ("repeat_interval = '1e999s'", "this text is too large; write a smaller quantity"),
        ("repeat_interval = '5 ,'", 'this text is not a quantity; write "100ms"'),
        ("batch_wait = 0.5", '0.5 has no unit; write "100ms", "1.5s" or "2min"'),
        ("batch_wait = -1", '-1 has no unit; write "100ms", "1.5s" or "2min"'),
        ("batch_wait = nan", 'nan has no unit; write "100ms", "1.5s" or "2min"'),
        ("batch_wait = 2026-01-01", '2026-01-01 is not a quantity; write "100ms"'),
    ],
)
def test_a_time_that_cannot_be_read_is_told_with_the_units_of_times(
    line: str, problem: str
) -> None:
    (found,) = problems_of(f'[sinks.a]\ntype = "log"\n{line}')
    key = line.partition(" ")[0]
    assert found.startswith(f"perfkit.toml:3: sinks.a.{key}: {problem}")
    assert not any(unit in found for unit in ("MB", "%", "/s"))


def test_a_time_of_the_settings_is_told_with_the_units_of_times_too() -> None:
    (found,) = problems_of('[settings]\nmonitor_interval = "5 parsecs"')
    assert found == (
        'perfkit.toml:2: settings.monitor_interval: "5 parsecs" has an unknown unit; '
        "write one of ns, us, ms, s, min, h, d"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[routes]\nsinks = ["log"]', "1: routes: routes is a table; write [[routes]]"),
        (
            "[[routes]]\nsinks = { a = 'b' }",
            '2: routes[0].sinks: this table is not a list; write ["..."]',
        ),
        (
            "[[routes]]\nsinks = []\nwhen = ['a', true, {}, [1]]",
            '3: routes[0].when: ["a", true, ..., ...] is not a table; write',
        ),
    ],
)
def test_values_are_told_as_they_stand_in_the_file_and_not_as_python_has_them(
    text: str, problem: str
) -> None:
    (found,) = problems_of(text)
    assert found.startswith(f"perfkit.toml:{problem}")


# -- the type of a sink, and its place


def test_a_sink_without_a_type_is_of_the_type_that_its_name_says() -> None:
    (sink,) = parse_catalog('[sinks.log]\nform = "json"').sinks
    assert (sink.name, sink.type, dict(sink.options)) == ("log", "log", {"form": "json"})
    assert SinkDeclaration(name="log") == SinkDeclaration(name="log", type="log")


def test_a_sink_knows_where_its_keys_stand() -> None:
    text = (
        '[sinks]\n[sinks.a]\ntype = "webhook"\n\nurl = "x"\nrepeat_interval = "5m"\n'
        "[sinks.a.headers]\n"
        'b = "c"\n[sinks."b.c"]\ntype = "log"\n'
    )
    catalog = parse_catalog(text)
    first, second = catalog.sinks
    assert dict(first.find_lines()) == {
        "": 2,
        "type": 3,
        "url": 5,
        "repeat_interval": 6,
        "headers": 7,
    }
    assert first.place_of("url", catalog.source) == "perfkit.toml:5: sinks.a.url"
    assert first.place_of("missing", catalog.source) == "perfkit.toml:2: sinks.a.missing"
    assert second.place_of(source=catalog.source) == "perfkit.toml:9: sinks.b.c"


def test_a_sink_in_a_pyproject_knows_its_lines_too() -> None:
    text = '[project]\nname = "a"\n[tool.perfkit.sinks.a]\ntype = "log"\nform = "json"\n'
    (sink,) = parse_catalog(text, "pyproject.toml").sinks
    assert sink.place_of("form", "pyproject.toml") == "pyproject.toml:5: sinks.a.form"


def test_a_sink_that_was_made_in_code_has_a_name_and_no_line() -> None:
    sink = SinkDeclaration(name="a", type="log")
    assert sink.place_of("form") == 'sink "a": form'
    assert sink.place_of() == 'sink "a"'
    assert sink.place_of("form", "perfkit.toml") == "perfkit.toml: sinks.a.form"


def test_lines_are_no_part_of_what_a_sink_is() -> None:
    one, other = (parse_catalog(f'{begin}[sinks.a]\ntype = "log"') for begin in ("", "\n"))
    assert one == other
