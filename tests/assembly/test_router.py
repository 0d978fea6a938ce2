"""What the catalog and the code say of sinks is found, or told with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import perfkit
from perfkit import Catalog, ConfigurationError, budget
from perfkit.assembly.router import make_router
from perfkit.assembly.sink_registry import SinkRegistry
from perfkit.catalog import parse_catalog
from perfkit.model import Route
from perfkit.otel.telemetry import Telemetry
from perfkit.sinks import Router
from perfkit.testing import FakeClock


class ChatSink:
    """Takes what comes."""

    def emit(self, _: object) -> None: ...


def problems_of(catalog: Catalog, sinks: Any = (), routes: Any = None, **options: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        router_of(catalog, sinks, routes, **options)
    return str(caught.value).splitlines()


def router_of(catalog: Catalog, sinks: Any = (), routes: Any = None, **options: Any) -> Router:
    registry = SinkRegistry(catalog, Telemetry(), FakeClock(), in_background=False)
    return make_router(catalog, registry, sinks, routes, **options)


# -- what is unknown


FILE = """\
[budgets.load]
sinks = ["hokk"]
[settings]
sinks = ["hokk"]
[[routes]]
sinks = ["log"]
[[routes]]
sinks = ["hokk", "qqq", "webhook"]
[sinks.hook]
type = "metrics"
"""


def test_each_place_of_an_unknown_name_is_told(tmp_path: Path) -> None:
    path = tmp_path / "perfkit.toml"
    path.write_text(FILE)
    with pytest.raises(ConfigurationError) as caught:
        perfkit.configure(path)
    told = str(caught.value).replace(f"{path}: ", "FILE: ").splitlines()
    unknown = 'no sink is called "hokk"; did you mean "hook"?'
    known = (
        'no sink is called "qqq"; there are hook, evidence, github, jsonl, log, metrics, otel, '
        "raise, sentry"
    )
    assert told == [
        f"FILE: routes[1].sinks: {unknown}",
        f"FILE: routes[1].sinks: {known}",
        'FILE: routes[1].sinks: sink "webhook": option url is missing; write url = ...',
        f"FILE: settings.sinks: {unknown}",
        f"FILE: budgets.load.sinks: {unknown}",
    ]


def test_names_in_code_are_told_by_the_argument() -> None:
    catalog = parse_catalog(FILE.partition("[settings]")[0].replace("hokk", "log"), "perfkit.toml")
    routes = [Route(sinks=("log",)), Route(sinks=("lgo",))]
    assert problems_of(catalog, ["lgo"], routes) == [
        'routes[1].sinks: no sink is called "lgo"; did you mean "log"?',
        'sinks: no sink is called "lgo"; did you mean "log"?',
    ]


def test_a_name_forges_no_line() -> None:
    (problem,) = problems_of(Catalog(), ["h\x1b[31m\nCRITICAL forged"])
    assert problem.startswith('sinks: no sink is called "h\\x1b[31m\\nCRITICAL forged"; there are')


# -- what is no list of sinks


@pytest.mark.parametrize(
    ("sinks", "problem"),
    [
        (ChatSink(), "is not a list, but of type ChatSink; write [...] around it"),
        (print, "is not a list, but of type builtin_function_or_method; write [...] around it"),
        (5, "is not a list, but of type int; write [...] around it"),
    ],
    ids=["sink", "function", "number"],
)
def test_what_is_no_list_is_told_once(sinks: Any, problem: str) -> None:
    assert problems_of(Catalog(), sinks) == [f"sinks {problem}"]
    assert problems_of(Catalog(), [], [Route(sinks=sinks)]) == [f"routes[0].sinks {problem}"]


@pytest.mark.parametrize(("sinks", "example"), [("pager", "pager"), ("a\nb", "log")])
def test_a_text_is_no_list_of_sinks_of_a_route(sinks: Any, example: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Route(sinks=sinks)
    assert str(caught.value) == f'sinks is a text; write sinks=["{example}"]'


def test_a_class_is_no_sink() -> None:
    routes: list[Any] = [Route(sinks=(ChatSink,))]  # type: ignore[arg-type]  # that is the mistake
    assert problems_of(Catalog(), ["log", ChatSink], routes) == [
        "sinks[1] is the class ChatSink; write ChatSink(...), which makes a sink",
        "routes[0].sinks[0] is the class ChatSink; write ChatSink(...), which makes a sink",
    ]


# -- variables that only others need


PAGER = """\
[budgets.load]
duration = "1s"
[[routes]]
sinks = ["pager", "all"]
when = { environment = "prod*" }
[sinks.pager]
type = "webhook"
url = "${PAGER_URL}"
[sinks.all]
type = "fan_out"
sinks = ["pager", "log"]
[sinks.unused]
type = "webhook"
url = "${UNUSED_URL}"
"""


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PAGER_URL", "UNUSED_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("environment", ["", "staging"])
def test_what_nothing_here_leads_to_may_lack_its_variables(
    environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = router_of(parse_catalog(PAGER), environment=environment)
    (route,) = router.routes
    with pytest.raises(ConfigurationError, match="PAGER_URL is not set"):
        router.named(route.sinks)
    monkeypatch.setenv("PAGER_URL", "https://example.org")
    pager, _ = router.named(route.sinks)
    assert router.named(["pager"]) == (pager,)


@pytest.mark.parametrize(
    ("options", "environment"),
    [
        ("", "production"),
        ('[settings]\nsinks = ["pager"]', "staging"),
        ('[budgets.own]\nsinks = ["all"]', "staging"),
        ('[[routes]]\nsinks = ["pager"]', ""),
    ],
)
def test_what_something_here_leads_to_needs_its_variables(
    options: str, environment: str, tmp_path: Path
) -> None:
    path = tmp_path / "perfkit.toml"
    path.write_text(f"{PAGER}{options}")
    with pytest.raises(ConfigurationError) as caught:
        perfkit.configure(path, environment=environment)
    assert str(caught.value) == (
        f"{path}:8: sinks.pager.url: the environment variable PAGER_URL is not set; set it"
    )


def test_all_else_that_is_wrong_is_told_wherever_it_is() -> None:
    text = PAGER.replace('"${UNUSED_URL}"', '"${UNUSED_URL}"\nnonsense = 1').replace(
        '["pager", "log"]', '["lgo"]'
    )
    told = problems_of(parse_catalog(text, "f"), environment="staging")
    assert [line.partition(";")[0] for line in told] == [
        'f:11: sinks.all.sinks: no sink is called "lgo"',
        "f:15: sinks.unused.nonsense: unknown option",
    ]


def test_an_application_without_the_variables_of_others_starts(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "perfkit.toml"
    path.write_text(PAGER)
    perfkit.configure(path, clock=clock, environment="staging")
    with budget("load"):
        clock.advance(2)
    perfkit.flush_sinks(5)
    assert "load" in caplog.text
