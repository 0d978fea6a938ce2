"""Sinks are found by name and made from their tables; what is wrong is told, and no secret is."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import fields_dict
from click.testing import CliRunner

import perfkit
from perfkit import BudgetExceeded, ConfigurationError, budget
from perfkit.assembly.builtin_sinks import BUILT_IN
from perfkit.assembly.policies import usual_policy
from perfkit.assembly.sink_chains import SinkChains
from perfkit.assembly.sink_options import check_options
from perfkit.assembly.sink_shelf import SinkShelf, make_router
from perfkit.catalog import Catalog, SinkDeclaration, parse_catalog
from perfkit.catalog.sinks import POLICY_KEYS
from perfkit.cli.group import command
from perfkit.model import Policy, Route
from perfkit.otel.telemetry import Telemetry
from perfkit.sinks import FanOut, LogSink
from perfkit.sinks.layers.layer import layers_of
from perfkit.testing import FakeClock
from tests.sinks.chains import fork, in_threads

SECRET = "https://hooks.example.com/T000/hunter2"  # noqa: S105 - it opens nothing

_MODULE = """
from perfkit.errors import ConfigurationError

class PagerSink:
    def __init__(self, number, *, region="eu"):
        self.number, self.region = number, region

    def emit(self, violation):
        pass

class AnySink:
    def __init__(self, needed, **options):
        self.options = options

    def emit(self, violation):
        pass

def refuse(url):
    raise ValueError(f"cannot use {url}")

def refuse_politely(url):
    raise ConfigurationError(f"cannot use {url!r}; write another")

def nothing():
    return 5

def positional(number, /, region="eu"):
    return PagerSink(number)
"""
_ENTRY_POINTS = """[perfkit.sinks]
pager = acme_sinks:PagerSink
any = acme_sinks:AnySink
refuse = acme_sinks:refuse
polite = acme_sinks:refuse_politely
nothing = acme_sinks:nothing
untold = builtins:dict
"""


@pytest.fixture
def _plugged_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package that brings sinks."""
    (tmp_path / "acme_sinks.py").write_text(_MODULE)
    info = tmp_path / "acme_sinks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-sinks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(_ENTRY_POINTS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "acme_sinks", raising=False)


def shelf_of(text: str = "[budgets]") -> SinkShelf:
    """The shelf of a catalog."""
    catalog = parse_catalog(text, "perfkit.toml")
    return SinkShelf(catalog, Telemetry(), SinkChains(FakeClock(), in_background=False))


def problem_of(text: str, name: str = "a") -> str:
    """What is said of a sink that cannot be made."""
    with pytest.raises(ConfigurationError) as caught:
        shelf_of(text).find(name)
    told = "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in told
    return str(caught.value)


def ending_of(shelf: SinkShelf, name: str) -> Any:
    """The sink itself, without its layers."""
    return layers_of(shelf.find(name))[-1]


# -- found or not


def test_a_name_gives_one_sink() -> None:
    shelf = shelf_of('[sinks.a]\ntype = "log"')
    assert shelf.find("a") is shelf.find("a")
    assert shelf.find("log") is not shelf.find("a")


def test_a_name_gives_one_sink_to_all_threads() -> None:
    shelf = shelf_of('[sinks.all]\ntype = "fan_out"\nsinks = ["log"]')
    found: list[object] = []
    in_threads(lambda _: found.append(shelf.find("all")))
    assert len(set(map(id, found))) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_finds_sinks_though_another_thread_was_at_it() -> None:
    shelf = shelf_of()
    is_held, may_go = threading.Event(), threading.Event()

    def hold() -> None:
        with shelf._lock:
            is_held.set()
            may_go.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    is_held.wait()
    try:
        assert fork(lambda: shelf.find("log")) == 0
    finally:
        may_go.set()
        holder.join()


@pytest.mark.parametrize(
    ("text", "name", "problem"),
    [
        ("[budgets]", "webhok", "no sink is called 'webhok'; did you mean webhook?"),
        ("[budgets]", "fanout", "no sink is called 'fanout'; did you mean fan_out?"),
        ('[sinks.auditors]\ntype = "log"', "auditor", "'auditor'; did you mean auditors?"),
        ('[sinks.a]\ntype = "jsnl"', "a", "perfkit.toml: sinks.a: no sink is of type 'jsnl'; did"),
        ("[budgets]", "qqqqqq", "no sink is called 'qqqqqq'; there are alertmanager, evidence,"),
        (  # the name of a sink is no type
            '[sinks.duty]\ntype = "dutyy"',
            "duty",
            "perfkit.toml: sinks.duty: no sink is of type 'dutyy'; there are alertmanager, ",
        ),
    ],
)
def test_an_unknown_name_or_type_is_told_with_the_nearest(
    text: str, name: str, problem: str
) -> None:
    assert problem in problem_of(text, name)


@pytest.mark.usefixtures("_plugged_in")
def test_types_of_other_packages_are_offered_too() -> None:
    assert "did you mean pager?" in problem_of('[sinks.a]\ntype = "pgaer"')


def test_all_that_is_wrong_in_a_catalog_is_told_at_once() -> None:
    catalog = parse_catalog(
        '[budgets.b]\nsinks = ["lgo"]\n[sinks.a]\ntype = "x"\n[[routes]]\nsinks = ["y"]'
    )
    chains = SinkChains(FakeClock(), in_background=False)
    with pytest.raises(ConfigurationError) as caught:
        make_router(catalog, ["z"], SinkShelf(catalog, Telemetry(), chains))
    assert len(str(caught.value).splitlines()) == 4


# -- options


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


# -- secrets


@pytest.fixture
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", SECRET)


@pytest.mark.usefixtures("_secret")
def test_variables_are_expanded_when_the_sink_is_made() -> None:
    pytest.importorskip("tenacity")
    shelf = shelf_of('[sinks.a]\ntype = "webhook"\nurl = "${HOOK}"')
    assert ending_of(shelf, "a").destination.startswith("https://hooks.example.com")


def test_a_variable_that_is_not_set_is_told_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOOK", raising=False)
    problem = problem_of('[sinks.a]\ntype = "webhook"\nurl = "${HOOK}"')
    assert problem == "perfkit.toml: sinks.a: url: the environment variable HOOK is not set; set it"


@pytest.mark.usefixtures("_plugged_in", "_secret")
@pytest.mark.parametrize("url", [SECRET, "${HOOK}"])
def test_what_a_sink_of_another_package_raises_is_not_shown(url: str) -> None:
    problem = problem_of(f'[sinks.a]\ntype = "refuse"\nurl = "{url}"')
    assert problem.startswith("perfkit.toml: sinks.a: making it raised ValueError; what that says")


@pytest.mark.usefixtures("_plugged_in", "_secret")
def test_what_a_variable_holds_is_masked_in_the_message_of_a_sink() -> None:
    problem = problem_of('[sinks.a]\ntype = "polite"\nurl = "${HOOK}"')
    assert problem == "perfkit.toml: sinks.a: cannot use '***'; write another"


@pytest.mark.parametrize(
    "url", ["ftp://hunter2.example/x", "https://[hunter2", "https://127.0.0.1/hunter2", "hunter2"]
)
@pytest.mark.parametrize("kind", ["webhook", "alertmanager"])
def test_an_address_that_is_refused_is_not_shown(kind: str, url: str) -> None:
    assert problem_of(f'[sinks.a]\ntype = "{kind}"\nurl = "{url}"').startswith("perfkit.toml: sin")


@pytest.mark.filterwarnings(OLD_PYTHON)
def test_an_address_to_notify_that_is_refused_is_not_shown() -> None:
    pytest.importorskip("apprise")
    problem_of('[sinks.a]\ntype = "notify"\nurls = ["nowhere://hunter2"]')


def test_a_catalog_shows_no_options(tmp_path: Path) -> None:
    text = f'[budgets.b]\nduration = "1s"\n[sinks.a]\ntype = "webhook"\nurl = "{SECRET}"\n'
    path = tmp_path / "perfkit.toml"
    path.write_text(text)
    catalog = parse_catalog(text)
    told = [repr(catalog), str(catalog), repr(catalog.sinks)]
    for arguments in (["list"], ["list", "--json"], ["check"]):
        result = CliRunner().invoke(command, ["catalog", *arguments, str(path)])
        assert result.exit_code == 0
        told.append(result.output)
    assert not any("hunter2" in each for each in told)


# -- fan-out, and what the code gives


def test_a_fan_out_gives_each_of_its_sinks_once() -> None:
    text = '[sinks.a]\ntype = "fan_out"\nsinks = ["log", "b", "log"]\n[sinks.b]\ntype = "metrics"'
    shelf = shelf_of(text)
    fan_out = ending_of(shelf, "a")
    assert isinstance(fan_out, FanOut)
    assert fan_out.sinks == (shelf.find("log"), shelf.find("b"))


def test_fan_outs_may_share_sinks_and_hold_one_another() -> None:
    text = "".join(
        f'[sinks.{name}]\ntype = "fan_out"\nsinks = {inner}\n'
        for name, inner in (("a", ["b", "c"]), ("b", ["c", "log"]), ("c", ["log"]))
    )
    shelf = shelf_of(text)
    assert ending_of(shelf, "a").sinks == (shelf.find("b"), shelf.find("c"))


@pytest.mark.parametrize(
    ("tables", "way"),
    [
        ({"a": ["a"]}, "sinks.a: it fans out to itself (a -> a); leave one of them out"),
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, "sinks.b: it fans out to itself (b -> c -> b); lea"),
    ],
)
def test_a_fan_out_to_itself_is_told_with_its_way(tables: dict[str, list[str]], way: str) -> None:
    text = "".join(f'[sinks.{n}]\ntype = "fan_out"\nsinks = {s}\n' for n, s in tables.items())
    (problem,) = problem_of(text).splitlines()
    assert problem.startswith(f"perfkit.toml: {way}")


def test_all_that_is_wrong_in_a_fan_out_is_told_at_once() -> None:
    text = (
        '[sinks.a]\ntype = "fan_out"\nsinks = ["lgo", "b", "webhook"]\n[sinks.b]\ntype = "jsnl"\n'
    )
    told = problem_of(text).splitlines()
    assert [line.partition("; ")[0] for line in told] == [
        "perfkit.toml: sinks.a: no sink is called 'lgo'",
        "perfkit.toml: sinks.b: no sink is of type 'jsnl'",
        "perfkit.toml: sinks.a: sink 'webhook': option url is missing",
    ]


def test_a_raise_sink_in_a_fan_out_raises_out_of_the_call(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "perfkit.toml"
    path.write_text(
        '[budgets.load]\nduration = "1s"\n[settings]\nsinks = ["both"]\n'
        '[sinks.both]\ntype = "fan_out"\nsinks = ["raise", "file"]\n'
        f'[sinks.file]\ntype = "jsonl"\npath = "{tmp_path / "v.jsonl"}"\n'
    )
    perfkit.configure(path, clock=clock)
    with pytest.raises(BudgetExceeded), budget("load"):
        clock.advance(2)
    assert (tmp_path / "v.jsonl").read_text().count("\n") == 1


@pytest.mark.parametrize("kind", ['"raise"', '"fan_out"\nsinks = ["raise"]'])
def test_what_can_do_nothing_for_a_raise_sink_is_refused(kind: str) -> None:
    problem = problem_of(f'[sinks.a]\ncooldown = "5m"\nbackground = true\ntype = {kind}')
    assert "sinks.a: cooldown, background can do nothing for a sink that raises" in problem


def test_a_sink_without_a_source_is_told_by_its_name() -> None:
    catalog = Catalog(sinks=(SinkDeclaration(name="a", type="webhook"),))
    shelf = SinkShelf(catalog, Telemetry(), SinkChains(FakeClock(), in_background=False))
    with pytest.raises(ConfigurationError, match=r"^sink 'a': option url is missing"):
        shelf.find("a")


def test_what_a_layer_needs_is_told_like_all_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tenacity", None)
    problem = problem_of('[sinks.a]\ntype = "metrics"\nattempts = 3')
    assert problem.startswith("perfkit.toml: sinks.a: trying a delivery again needs the 'webhook'")


def test_what_the_code_gives_is_adopted_once() -> None:
    shelf, sink = shelf_of(), LogSink()
    assert shelf.adopt(sink) is shelf.adopt(sink)


def test_routes_in_code_take_the_place_of_those_of_the_catalog() -> None:
    catalog = parse_catalog('[[routes]]\nsinks = ["log"]')
    shelf = SinkShelf(catalog, Telemetry(), SinkChains(FakeClock(), in_background=False))
    router = make_router(catalog, [], shelf, [Route(sinks=("metrics",))])
    assert [route.sinks for route in router.routes] == [("metrics",)]


# -- the policy of each type


@pytest.mark.parametrize("kind", [*BUILT_IN, "otel", "fan_out", "of another package"])
def test_what_is_usual_for_a_type_says_all_but_what_the_settings_say(kind: str) -> None:
    usual = usual_policy(kind)
    silent = {key for key in fields_dict(Policy) if getattr(usual, key) is None}
    assert silent == {"only", "background"}


LAYERS: dict[str, list[str]] = {
    "jsonl": [],
    "otel": [],
    "log": ["RateLimited"],
    "github": ["Deduped"],
    "sentry": ["RateLimited"],
    "webhook": ["RateLimited", "CircuitBroken", "Retried"],
    "alertmanager": ["EdgeTriggered", "CircuitBroken", "Retried"],
    "notify": ["Deduped", "RateLimited", "CircuitBroken", "Retried", "TimeLimited"],
}


@pytest.mark.parametrize("kind", LAYERS)
def test_each_type_has_its_usual_layers_from_the_outside_in(kind: str) -> None:
    pytest.importorskip("tenacity")
    chains: Callable[..., Any] = SinkChains(FakeClock(), in_background=False).declared
    names = [type(layer).__name__ for layer in layers_of(chains("a", kind, LogSink(), Policy()))]
    assert [name for name in names if name not in {"Entrance", "Arrival", "LogSink"}] == LAYERS[
        kind
    ]
