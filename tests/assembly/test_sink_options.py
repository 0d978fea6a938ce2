"""What stands in the table of a sink makes it, or is told with all that is wrong."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

import pytest

from perfkit import ConfigurationError
from perfkit.assembly.builtin_sinks import BUILT_IN
from perfkit.assembly.sink_options import check_declared, check_options
from perfkit.catalog import SinkDeclaration, parse_catalog
from perfkit.catalog.sinks import POLICY_KEYS
from tests.assembly.registries import ending_of, problem_of, shelf_of
from tests.sinks.violations import make_violation


@pytest.mark.parametrize(
    ("lines", "problems"),
    [
        (
            'type = "webhook"\nuurl = "x"\nqq = 1',
            [
                "unknown option uurl; did you mean url?",
                "unknown option qq; its own options are url, secret, body, headers, timeout, ca_f",
                "option url is missing; write url = ...",
            ],
        ),
        ('type = "github"\nx = 1', ["unknown option x; its own options are none"]),
        ('type = "otel"\nx = 1', ["unknown option x; its own options are none"]),
        ('type = "fan_out"', ["option sinks is missing; write sinks = ..."]),
        ('type = "fan_out"\nsinks = "log"', ['option sinks is no list of texts; write ["..."]']),
        (
            'type = "jsonl"\npath = 1\nkeep = "5"\nfsync = 1\nmax_size = 5',
            [
                "option path is no text; write it in quotes",
                "option keep is no whole number; write one, without quotes",
                "option fsync is neither true nor false; write one of them, without quotes",
                'option max_size: 5 has no unit; write "5B"',
            ],
        ),
        (
            'type = "webhook"\nurl = "https://a.example"\nheaders = { a = 1 }',
            ['option headers is no table of texts; write { name = "..." }'],
        ),
        (
            'type = "notify"\nurls = ["json://a", 1]',
            ['option urls is no list of texts; write ["'],
        ),
        (
            'type = "jsonl"\nmax_size = "hunter2"',
            ['option max_size: this text is not a quantity; write "50MB" or "64MiB"'],
        ),
        (
            'type = "webhook"\nurl = "https://a.example"\ntimeout = "hunter2"',
            ['option timeout: this text is not a quantity; write "100ms", "1.5s" or "2min"'],
        ),
        (
            'type = "alertmanager"\nurl = "https://a.example"\nresend = "hunter2"',
            ['option resend: this text is not a quantity; write "100ms", "1.5s" or "2min"'],
        ),
        (
            'type = "webhook"\nurl = "https://a.example"\ntimeout = 10',
            ['option timeout: 10 has no unit; write "10s"'],
        ),
        (
            'type = "webhook"\nurl = "https://a.example"\ntimeout = "10"',
            ['option timeout: this text has no unit; write "100ms", "1.5s" or "2min"'],
        ),
        (
            'type = "webhook"\nurl = "https://a.example"\ntimeout = "5 parsecs"',
            ["option timeout: this text has an unknown unit; write one of ns, us, ms, s, min, "],
        ),
        (
            'type = "webhook"\nurl = "https://a.example"\ntimeout = "0s"',
            ['option timeout is not above zero; write "10s"'],
        ),
        (
            'type = "webhook"\nurl = "https://a.example"\ntimeout = true',
            ['option timeout: true is not a quantity; write "100ms", "1.5s" or "2min"'],
        ),
        (
            'type = "jsonl"\nmax_size = "5 parsecs"\nkeep = -3\npth = "x"\nfsync = "no"',
            [
                "unknown option pth; did you mean path?",
                "option max_size: this text has an unknown unit; write one of B, kB, MB, GB, KiB, ",
                "option keep: -3 is not at least 1; write 1 or more",
                "option fsync is neither true nor false; write one of them, without quotes",
            ],
        ),
        ('type = "evidence"\nmost = 0', ["option most: 0 is not at least 1; write 1 or more"]),
        ('type = "evidence"\nmost = true', ["option most is no whole number; write one, without "]),
        ('type = "jsonl"\nmax_size = "0.5B"', ['option max_size is not above zero; write "50MB"']),
        (
            'type = "log"\nform = "hunter2"',
            [
                'option form is no form of a log; write "auto" or "text" or "json" or "structlog"',
            ],
        ),
        ('type = "jsonl"\ncooldwn = "5m"', ["unknown option cooldwn; did you mean cooldown?"]),
        ('type = "jsonl"\nquite = "5m"', ["unknown option quite; did you mean quiet?"]),
        ('type = "jsonl"\nbatch-size = 5', ["unknown option batch-size; did you mean batch_size?"]),
    ],
)
def test_all_that_is_wrong_with_options_is_told_at_once(lines: str, problems: list[str]) -> None:
    registry = shelf_of(f"[sinks.a]\n{lines}")
    declared = registry._declared["a"]
    make = registry._span_factory_of(declared)
    assert make is not None
    with pytest.raises(ConfigurationError) as caught:
        check_options(make, declared.options, with_types=True)
    assert "hunter2" not in str(caught.value)
    for line, problem in zip(str(caught.value).splitlines(), problems, strict=True):
        assert line.startswith(problem)


def test_what_is_wrong_with_options_is_told_when_the_sink_is_made() -> None:
    told = problem_of('[sinks.a]\ntype = "jsonl"\nkeep = -3\nmax_size = 5').splitlines()
    assert [line.partition("; ")[0].rpartition(": ")[2] for line in told] == [
        "-3 is not at least 1",
        "5 has no unit",
    ]
    assert all(line.startswith("perfkit.toml:") and "sinks.a" in line for line in told)


@pytest.mark.parametrize(
    ("lines", "problems"),
    [
        (
            (
                'type = "webhook"\nurl = "https://a.example"\nheaders = { "a b" = "c" }\n'
                'body = "{hunter}"\nsecret = "hunter2"\ntimeout = "${WAIT}"'
            ),
            ["timeout: this text is not a qu", "header", "placeholder {hunter}", "secret"],
        ),
        (  # what is allowed by one option is no mistake in another
            (
                'type = "webhook"\nurl = "http://127.0.0.1/x"\n'
                'headers = { "a b" = "c" }\nbody = "{hunter}"'
            ),
            ["header", "placeholder {hunter}"],
        ),
        (
            (
                'type = "alertmanager"\nurl = "ftp://a.example"\nlabels = { "a b" = "c" }\n'
                'generator_url = "x"'
            ),
            ["url", "labels", "generator_url"],
        ),
    ],
)
def test_one_value_that_cannot_be_used_does_not_hide_another(
    lines: str, problems: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAIT", "hunter2")
    told = problem_of(f"[sinks.a]\n{lines}").splitlines()
    for line, problem in zip(told, problems, strict=True):
        assert problem in line


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_an_address_to_notify_does_not_hide_the_title() -> None:
    pytest.importorskip("apprise")
    told = problem_of('[sinks.a]\ntype = "notify"\nurls = ["nowhere://x"]\ntitle = "{x}"')
    assert ["title" in line for line in told.splitlines()] == [True, False]


def test_a_time_that_a_variable_holds_is_read_when_the_sink_is_made(
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


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            'type = "jsonl"\nmax_size = "${HELD}"',
            "option max_size: this text is not a quantity; wr",
        ),
        (
            'type = "webhook"\nurl = "https://a.example"\ntimeout = "${HELD}"',
            "option timeout: this text is not a quantity; write",
        ),
    ],
)
def test_a_variable_that_holds_no_quantity_is_told_without_what_it_holds(
    lines: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELD", "hunter2")
    assert problem_of(f"[sinks.a]\n{lines}").startswith(f"perfkit.toml: sinks.a: {problem}")


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
    ("name", "problem"),
    [("lgo", "did you mean "), ("duty", "there are alertmanager, evidence, ")],
)
def test_a_table_without_a_type_that_has_no_name_of_one_is_told_with_the_types(
    name: str, problem: str
) -> None:
    told = problem_of(f'[sinks.{name}]\nform = "json"', name)
    assert "no sink is of type" in told
    assert problem in told


# -- what does nothing


@pytest.mark.parametrize(
    ("lines", "problems"),
    [
        ("burst = 3", ['burst does nothing without rate_limit; write rate_limit = "10/min" too']),
        ('repeat = "1m"', ['repeat does nothing without quiet; write quiet = "5m" too']),
        ('batch_wait = "1s"', ["batch_wait does nothing without batch_size; write batch_size = 2"]),
        (
            'batch_wait = "1s"\nbatch_size = 1',
            ["batch_wait does nothing without batch_size; write batch_size = 20 too"],
        ),
        (
            'burst = 3\nfailure_cooldown = "1m"\nrate_limit = "off"',
            [
                "burst does nothing without rate_limit",
                "failure_cooldown does nothing without failures; write failures = 5 too, or leave",
            ],
        ),
    ],
)
def test_a_key_that_does_nothing_by_itself_is_refused(lines: str, problems: list[str]) -> None:
    told = problem_of(f'[sinks.a]\ntype = "jsonl"\n{lines}').splitlines()
    for line, problem in zip(told, problems, strict=True):
        key, _, why = problem.partition(" ")
        assert line.startswith("perfkit.toml:")
        assert key in line
        assert why in line


@pytest.mark.parametrize(
    "lines",
    [
        'type = "log"\nburst = 3',  # it has a rate limit that nobody needs to write
        'type = "jsonl"\nburst = 3\nrate_limit = "1/s"',
        'type = "jsonl"\nrepeat = "off"',
        'type = "jsonl"\nrepeat = "1m"\nquiet = "5m"',
        'type = "jsonl"\nbatch_wait = "1s"\nbatch_size = 2',
        'type = "jsonl"\nfailure_cooldown = "1m"\nfailures = 1',
    ],
)
def test_a_key_that_adds_to_what_there_is_stays_allowed(lines: str) -> None:
    shelf_of(f"[sinks.a]\n{lines}").find("a")


# -- with their places


def _told_with_places(text: str, name: str = "a") -> list[str]:
    catalog = parse_catalog(text, "perfkit.toml")
    declared = next(each for each in catalog.sinks if each.name == name)
    with pytest.raises(ConfigurationError) as caught:
        check_declared(BUILT_IN[declared.type](), declared, catalog.source, with_types=True)
    return str(caught.value).splitlines()


def test_each_mistake_is_told_with_its_line_in_the_order_of_the_file() -> None:
    text = (
        '[budgets]\n[sinks.a]\ntype = "webhook"\nbatch_wait = "5s"\ntimeout = 10\n'
        "retries = 3\nca_file = 1\n[sinks.a.headers]\nb = 1\n"
    )
    assert [line.partition("; ")[0] for line in _told_with_places(text)] == [
        "perfkit.toml:2: sinks.a: option url is missing",
        "perfkit.toml:4: sinks.a.batch_wait: it does nothing without batch_size",
        "perfkit.toml:5: sinks.a.timeout: 10 has no unit",
        "perfkit.toml:6: sinks.a.retries: unknown option",
        "perfkit.toml:7: sinks.a.ca_file: it is no text",
        "perfkit.toml:8: sinks.a.headers: it is no table of texts",
    ]


def test_a_sink_that_was_declared_in_code_has_places_without_lines() -> None:
    declared = SinkDeclaration(name="a", type="webhook", options={"timeout": 10})
    with pytest.raises(ConfigurationError) as caught:
        check_declared(BUILT_IN["webhook"](), declared, "", with_types=True)
    assert str(caught.value).splitlines() == [
        'sink "a": option url is missing; write url = ...',
        'sink "a": timeout: 10 has no unit; write "10s"',
    ]


def test_a_table_without_a_mistake_passes_with_places_too() -> None:
    (declared,) = parse_catalog('[sinks.log]\nform = "json"\ncooldown = "5m"').sinks
    check_declared(BUILT_IN["log"](), declared, "perfkit.toml", with_types=True)


# -- what other packages bring


@pytest.mark.usefixtures("_plugged_in")
def test_a_sink_of_another_package_gets_its_options() -> None:
    registry = shelf_of(
        '[sinks.a]\ntype = "pager"\nnumber = 112\nregion = "us"\nattempts = 1\n'
        '[sinks.b]\ntype = "any"\nneeded = 1\nother = 2'
    )
    assert (ending_of(registry, "a").number, ending_of(registry, "a").region) == (112, "us")
    assert ending_of(registry, "b").options == {"other": 2}


@pytest.mark.usefixtures("_plugged_in")
@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            'type = "pager"\nregoin = "us"',
            ":3: sinks.a.regoin: unknown option; did you mean region?",
        ),
        ('type = "pager"', ":1: sinks.a: option number is missing; write number = ..."),
        ('type = "any"\nx = 1', ":1: sinks.a: option needed is missing; write needed = ..."),
        ('type = "nothing"', ": sinks.a: what was made is of type int, which has no emit"),
        ('type = "untold"\nx = 1', ": sinks.a: what was made is of type dict, which has no emit"),
    ],
)
def test_what_is_wrong_with_a_sink_of_another_package_is_told(lines: str, problem: str) -> None:
    assert f"perfkit.toml{problem}" in problem_of(f"[sinks.a]\n{lines}")


def test_options_that_can_only_be_given_by_position_do_not_count() -> None:
    def positional(number: int = 1, /, region: str = "eu") -> None: ...

    check_options(positional, {"region": "us"}, with_types=False)
    with pytest.raises(ConfigurationError, match="its own options are region"):
        check_options(positional, {"xyz": "us"}, with_types=False)


def _taking(option: str, annotation: object) -> Callable[..., None]:
    """What makes a sink from one option, which is annotated so."""

    def make(**_: Any) -> None: ...

    parameter = inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, annotation=annotation)
    make.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]  # any function may have one
    return make


WHOLE: list[object] = [
    int,
    Optional[int],  # noqa: UP045 - others write it so
    int | None,
    *("int", "'int'", "int | None", "None | int", "Optional[int]", "typing.Optional[int]"),
]


@pytest.mark.parametrize("value", ["three", 3.5, True, ["3"], {}])
@pytest.mark.parametrize("annotation", WHOLE, ids=str)
def test_a_whole_number_of_another_package_is_checked_however_it_is_annotated(
    annotation: object, value: Any
) -> None:
    make = _taking("limit", annotation)
    with pytest.raises(ConfigurationError) as caught:
        check_options(make, {"limit": value}, with_types=False)
    assert str(caught.value) == "option limit is no whole number; write one, without quotes"
    check_options(make, {"limit": 3}, with_types=False)


@pytest.mark.parametrize(
    ("annotation", "good", "bad", "problem"),
    [
        (str, ["a"], [1, True, ["a"]], "option x is no text; write it in quotes"),
        (float, [1, 1.5], ["1", True], "option x is no number; write one, without quotes"),
        (bool, [True], ["true", 1], "option x is neither true nor false; write one of them, "),
        ("float | None", [1], ["1"], "option x is no number; write one, without quotes"),
        ("None | str", ["a"], [1], "option x is no text; write it in quotes"),
    ],
)
def test_plain_types_of_other_packages_are_checked(
    annotation: object, good: list[Any], bad: list[Any], problem: str
) -> None:
    make = _taking("x", annotation)
    for value in good:
        check_options(make, {"x": value}, with_types=False)
    for value in bad:
        with pytest.raises(ConfigurationError, match=f"^{problem}"):
            check_options(make, {"x": value}, with_types=False)


def test_what_cannot_be_known_of_another_package_is_left_to_it() -> None:
    class Limit(int):
        """A type of the package's own."""

    def make(own: Limit, listed: list[int], *, number: int = 1, **rest: int) -> None: ...

    options = {"own": "a", "listed": "b", "number": "${N}", "rest": "d", "more": "e"}
    check_options(make, options, with_types=False)


@pytest.mark.parametrize("kind", sorted(set(BUILT_IN) - {"sentry"}))
def test_no_option_of_ours_has_the_name_of_a_key_that_every_sink_has(kind: str) -> None:
    with pytest.raises(ConfigurationError, match="unknown option xyz") as caught:
        check_options(BUILT_IN[kind](), {"xyz": 1}, with_types=True)
    own = set(str(caught.value).splitlines()[0].partition(" are ")[2].split(", "))
    assert not own & {*POLICY_KEYS, "type"}


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
    ("title", "wanted"), [("", "{severity}: budget {budget}"), ('title = "{budget}"', "{budget}")]
)
def test_the_notify_sink_is_made_with_its_title(title: str, wanted: str) -> None:
    pytest.importorskip("apprise")
    pytest.importorskip("tenacity")
    registry = shelf_of(f'[sinks.a]\ntype = "notify"\nurls = ["json://a.example"]\n{title}')
    title_of = ending_of(registry, "a")._title.fill
    facts = {"severity": "critical", "budget": "load"}
    assert title_of(facts) == wanted.format(**facts)
