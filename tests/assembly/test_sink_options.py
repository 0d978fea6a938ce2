"""What stands in the table of a sink makes it, or is told with all that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfkit import ConfigurationError
from perfkit.assembly.builtin_sinks import BUILT_IN
from perfkit.assembly.sink_options import check_options
from perfkit.catalog.sinks import POLICY_KEYS
from tests.assembly.shelves import ending_of, problem_of, shelf_of


@pytest.mark.parametrize(
    ("lines", "problems"),
    [
        (
            'type = "webhook"\nuurl = "x"\nqq = 1',
            [
                "unknown option uurl; did you mean url?",
                "unknown option qq; its own options are url, secret, body, headers, timeout, loop",
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
                "option max_size is no text; write it in quotes",
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
            ['option max_size: write "50MB" or "64MiB"'],
        ),
        (
            'type = "webhook"\nurl = "https://a.example"\ntimeout = "hunter2"',
            ['option timeout: write "100ms", "1.5s" or "2min"'],
        ),
        (
            'type = "alertmanager"\nurl = "https://a.example"\nresend = "hunter2"',
            ['option resend: write "100ms", "1.5s" or "2min"'],
        ),
    ],
)
def test_all_that_is_wrong_with_options_is_told_at_once(lines: str, problems: list[str]) -> None:
    told = problem_of(f"[sinks.a]\n{lines}").splitlines()
    for line, problem in zip(told, problems, strict=True):
        assert line.startswith(f"perfkit.toml: sinks.a: {problem}")


@pytest.mark.usefixtures("_plugged_in")
def test_a_sink_of_another_package_gets_its_options() -> None:
    shelf = shelf_of(
        '[sinks.a]\ntype = "pager"\nnumber = 112\nregion = "us"\nattempts = 1\n'
        '[sinks.b]\ntype = "any"\nneeded = 1\nother = 2'
    )
    assert (ending_of(shelf, "a").number, ending_of(shelf, "a").region) == (112, "us")
    assert ending_of(shelf, "b").options == {"other": 2}


@pytest.mark.usefixtures("_plugged_in")
@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('type = "pager"\nregoin = "us"', "unknown option regoin; did you mean region?"),
        ('type = "pager"', "option number is missing; write number = ..."),
        ('type = "any"\nx = 1', "option needed is missing; write needed = ..."),
        ('type = "nothing"', "what was made is of type int, which has no emit"),
        ('type = "untold"\nx = 1', "what was made is of type dict, which has no emit"),
    ],
)
def test_what_is_wrong_with_a_sink_of_another_package_is_told(lines: str, problem: str) -> None:
    assert f"perfkit.toml: sinks.a: {problem}" in problem_of(f"[sinks.a]\n{lines}")


def test_options_that_can_only_be_given_by_position_do_not_count() -> None:
    def positional(number: int = 1, /, region: str = "eu") -> None: ...

    check_options(positional, {"region": "us"}, with_types=False)
    with pytest.raises(ConfigurationError, match="its own options are region"):
        check_options(positional, {"xyz": "us"}, with_types=False)


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
    shelf = shelf_of(f'[sinks.a]\ntype = "notify"\nurls = ["json://a.example"]\n{title}')
    assert ending_of(shelf, "a")._title == wanted
