"""The options of a sink are checked against the table of its type."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perfkit import ConfigurationError
from perfkit.assembly.resolving import SinkResolver
from perfkit.assembly.sink_types import BUILT_IN
from perfkit.catalog import Catalog, SinkDeclaration, parse_catalog
from perfkit.catalog.reading import POLICY
from tests.assembly.registries import ending_of, problem_of, shelf_of
from tests.sinks.violations import make_violation


def problems_in(text: str, name: str = "a") -> list[str]:
    """Resolve a sink of a catalog without variables; return the problems with their places."""
    resolver = SinkResolver(parse_catalog(text, "perfkit.toml"), variables=None)
    with pytest.raises(ConfigurationError) as caught:
        resolver.resolve(name)
    assert "hunter2" not in str(caught.value)
    return str(caught.value).splitlines()


URL = 'url = "https://a.example"\n'
NO_TIME = 'this text is not a time above zero; write one, such as "5m"'
NO_COUNT = "is not a whole number of at least 1; write one"
IDLE = "it does nothing without"


@pytest.mark.parametrize(
    ("kind", "lines", "problems"),
    [
        (
            "webhook",
            'uurl = "x"\nqq = 1',
            [
                ": option url is missing; write url = ...",
                ".uurl: unknown option; did you mean url?",
                ".qq: unknown option; its own options are url, secret, body, headers, timeout, ",
            ],
        ),
        ("github", "x = 1", [".x: unknown option; its own options are none"]),
        ("otel", "x = 1", [".x: unknown option; its own options are none"]),
        ("fan_out", "", [": option sinks is missing; write sinks = ..."]),
        ("fan_out", 'sinks = "log"', ['.sinks: this text is not a list of texts; write ["..."]']),
        (
            "jsonl",
            'path = 1\nkeep = "5"\nfsync = 1\nmax_size = 5',
            [
                ".path: 1 is not text; write it in quotes",
                f".keep: this text {NO_COUNT}",
                ".fsync: 1 is neither true nor false; write true or false, no quotes",
                '.max_size: 5 has no unit; write "50MB" or "64MiB"',
            ],
        ),
        (
            "webhook",
            f"{URL}headers = {{ a = 1 }}",
            ['.headers: this table is not a table of texts; write { name = "..." }'],
        ),
        ("notify", 'urls = ["json://a", 1]', ['.urls: this list is not a list of texts; write ["']),
        ("jsonl", 'max_size = "hunter2"', ['.max_size: this text is not a quantity; write "50MB"']),
        ("jsonl", 'max_size = "0.5B"', [".max_size: this text is not a size above zero"]),
        ("evidence", "most = 0", [f".most: 0 {NO_COUNT}"]),
        ("evidence", "most = true", [f".most: true {NO_COUNT}"]),
        (
            "log",
            'form = "hunter2"',
            ['.form: this text is not one of the choices; write one of "auto", "text", "json"'],
        ),
        ("alertmanager", f'{URL}timeout = "0s"', [f".timeout: {NO_TIME}"]),
        ("alertmanager", f'{URL}resend = "0s"', [f".resend: {NO_TIME}"]),
        ("alertmanager", f'{URL}hold = "0s"', [f".hold: {NO_TIME}"]),
        ("jsonl", "brst = 5", [".brst: unknown option; did you mean burst?"]),
        ("jsonl", "attempts = 5", [".attempts: unknown option; did you mean max_attempts?"]),
        ("jsonl", "batch-size = 5", [".batch-size: unknown option; did you mean batch_size?"]),
        # keys that do nothing by themselves
        ("jsonl", "burst = 3", [f'.burst: {IDLE} rate_limit; write rate_limit = "10/min" too']),
        (
            "jsonl",
            "send_resolved = true",
            [f'.send_resolved: {IDLE} resolve_after; write resolve_after = "5m" too'],
        ),
        (
            "jsonl",
            'batch_wait = "1s"',
            [f".batch_wait: {IDLE} batch_size; write batch_size = 20 too"],
        ),
        (
            "jsonl",
            'batch_wait = "1s"\nbatch_size = 1',
            [f".batch_wait: {IDLE} batch_size; write batch_size = 20 too"],
        ),
        (
            "jsonl",
            'burst = 3\nfailure_cooldown = "1m"\nrate_limit = "off"',
            [
                f".burst: {IDLE} rate_limit",
                f".failure_cooldown: {IDLE} max_failures; write max_failures = 5 too",
            ],
        ),
    ],
)
def test_all_problems_of_options_are_reported_at_once(
    kind: str, lines: str, problems: list[str]
) -> None:
    found = problems_in(f'[sinks.a]\ntype = "{kind}"\n{lines}')
    for line, problem in zip(found, problems, strict=True):
        assert line.partition("sinks.a")[2].startswith(problem)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('type = "webhook"\nurl = "ftp://a.example"', "url"),
        ('type = "webhook"\nurl = "https://a.example"\nbody = "{hunter}"', "placeholder {hunter}"),
        ('type = "webhook"\nurl = "https://a.example"\nsecret = "hunter2"', "secret"),
        ('type = "webhook"\nurl = "https://a.example"\nheaders = { "a b" = "c" }', "header"),
        ('type = "alertmanager"\nurl = "https://a.example"\nlabels = { "a b" = "c" }', "labels"),
    ],
)
def test_a_value_that_the_sink_itself_refuses_is_reported_with_its_place(
    lines: str, problem: str
) -> None:
    found = problem_of(f"[sinks.a]\n{lines}")
    assert found.startswith("perfkit.toml:1: sinks.a: ")
    assert problem in found


def test_values_of_variables_are_read_when_the_sink_is_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("tenacity")
    monkeypatch.setenv("WAIT", "5s")
    monkeypatch.setenv("SIZE", "5MB")
    monkeypatch.setenv("FORM", "json")
    registry = shelf_of(
        '[sinks.a]\ntype = "webhook"\nurl = "https://a.example"\ntimeout = "${WAIT}"\n'
        '[sinks.b]\ntype = "jsonl"\nmax_size = "${SIZE}"\n'
        '[sinks.c]\ntype = "log"\nform = "${FORM}"'
    )
    for name in ("a", "b", "c"):
        registry.find(name)


@pytest.mark.parametrize("option", ["max_size", "keep"])
def test_the_value_of_a_variable_is_in_no_message(
    option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELD", "hunter2")
    found = problem_of(f'[sinks.a]\ntype = "jsonl"\n{option} = "${{HELD}}"')
    assert found.startswith(f"perfkit.toml:3: sinks.a.{option}: this text is not a ")


# -- the table of a sink that says no type


def test_the_table_of_a_sink_of_perfkit_changes_that_sink(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shelf_of('[sinks.log]\nform = "json"').find("log").emit(make_violation())
    assert json.loads(caplog.messages[-1])["budget"] == make_violation().budget.name


@pytest.mark.usefixtures("_plugged_in")
def test_the_table_of_a_sink_of_another_package_changes_that_sink() -> None:
    assert ending_of(shelf_of("[sinks.pager]\nnumber = 112"), "pager").number == 112


@pytest.mark.parametrize(
    "lines",
    [
        'type = "log"\nburst = 3',  # it has a rate limit that nobody needs to write
        'type = "jsonl"\nburst = 3\nrate_limit = "1/s"',
        'type = "jsonl"\nrepeat_interval = "off"',
        'type = "jsonl"\nrepeat_interval = "1m"\nresolve_after = "5m"',
        'type = "jsonl"\nbatch_wait = "1s"\nbatch_size = 2',
        'type = "jsonl"\nfailure_cooldown = "1m"\nmax_failures = 1',
    ],
)
def test_a_key_that_adds_to_what_there_is_stays_allowed(lines: str) -> None:
    shelf_of(f"[sinks.a]\n{lines}").find("a")


# -- with their places


def test_each_mistake_is_told_with_its_line_in_the_order_of_the_file() -> None:
    text = (
        '[budgets]\n[sinks.a]\ntype = "webhook"\nbatch_wait = "5s"\ntimeout = 10\n'
        "retries = 3\nca_file = 1\n[sinks.a.headers]\nb = 1\n"
    )
    assert [line.partition("; ")[0] for line in problems_in(text)] == [
        "perfkit.toml:2: sinks.a: option url is missing",
        "perfkit.toml:4: sinks.a.batch_wait: it does nothing without batch_size",
        "perfkit.toml:5: sinks.a.timeout: 10 has no unit",
        "perfkit.toml:6: sinks.a.retries: unknown option",
        "perfkit.toml:7: sinks.a.ca_file: 1 is not text",
        "perfkit.toml:8: sinks.a.headers: this table is not a table of texts",
    ]


def test_a_sink_that_was_declared_in_code_has_places_without_lines() -> None:
    declared = SinkDeclaration(name="a", type="webhook", options={"timeout": 10})
    with pytest.raises(ConfigurationError) as caught:
        SinkResolver(Catalog(sinks=(declared,)), variables=None).resolve("a")
    assert str(caught.value).splitlines() == [
        'sink "a": option url is missing; write url = ...',
        'sink "a": timeout: 10 has no unit; write "100ms", "1.5s" or "2min"',
    ]


@pytest.mark.parametrize("kind", sorted(BUILT_IN))
def test_no_option_of_ours_has_the_name_of_a_key_that_every_sink_has(kind: str) -> None:
    assert not set(BUILT_IN[kind].options) & {*POLICY, "type"}


@pytest.mark.parametrize(
    ("lines", "destination"),
    [
        ('type = "log"\nlogger = "app"\nform = "text"', "app"),
        ('type = "raise"\ncontended = true', "the caller"),
        ('type = "jsonl"\npath = "v.jsonl"\nmax_size = "1MB"\nkeep = 2\nfsync = true', "v.jsonl"),
        ('type = "evidence"\nfolder = "e"\nmost = 5', "folder e"),
        ('type = "metrics"', "metrics"),
        ('type = "github"', ""),
        (
            (
                'type = "webhook"\nurl = "https://a.example/b"\ntimeout = "5s"\n'
                'secret = "c2VjcmV0"\nheaders = { a = "b" }\nbody = { text = "{sentence}" }'
            ),
            "https://a.example",
        ),
        (
            (
                'type = "alertmanager"\nurl = "https://a.example"\nlabels = { team = "a" }\n'
                'annotations = { b = "c" }\nresend = "1m"\nhold = "5m"\ntimeout = "5s"'
            ),
            "https://a.example",
        ),
        ('type = "fan_out"\nsinks = ["log", "metrics"]', " and metrics"),
    ],
)
@pytest.mark.usefixtures("_in_folder")
def test_every_type_that_needs_no_other_package_is_made_from_its_table(
    lines: str, destination: str
) -> None:
    pytest.importorskip("tenacity")
    assert destination in ending_of(shelf_of(f"[sinks.a]\n{lines}"), "a").destination


@pytest.fixture
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_open_telemetry_sink_is_made_too() -> None:
    assert type(ending_of(shelf_of(), "otel")).__name__ == "EventSink"


OLD_PYTHON = "ignore:'imghdr' is deprecated:DeprecationWarning"  # apprise itself uses it


@pytest.mark.filterwarnings(OLD_PYTHON)
@pytest.mark.parametrize(
    ("title", "wanted"), [("", "critical: budget load"), ('title = "{budget}"', "load")]
)
def test_the_notify_sink_is_made_with_its_title(title: str, wanted: str) -> None:
    pytest.importorskip("apprise")
    pytest.importorskip("tenacity")
    registry = shelf_of(f'[sinks.a]\ntype = "notify"\nurls = ["json://a.example"]\n{title}')
    assert ending_of(registry, "a")._title_of(make_violation()) == wanted
