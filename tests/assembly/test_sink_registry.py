"""Sinks are found by name and made once, with the layers that their type has."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import fields_dict

import perfkit
from perfkit import BudgetExceeded, ConfigurationError, budget
from perfkit.assembly.chains import SinkChains
from perfkit.assembly.sink_registry import _building
from perfkit.assembly.sink_types import BUILT_IN
from perfkit.catalog import Catalog, SinkDeclaration, parse_catalog
from perfkit.catalog.reading import default_policy
from perfkit.model import Policy
from perfkit.sinks import FanOut, LogSink
from perfkit.sinks.delivery.layer import layers_of
from perfkit.testing import FakeClock
from tests.assembly.registries import ending_of, problem_of, shelf_of
from tests.processes import fork
from tests.sinks.chains import in_threads

# -- found or not


def test_a_name_gives_one_sink() -> None:
    registry = shelf_of('[sinks.a]\ntype = "log"')
    assert registry.find("a") is registry.find("a")
    assert registry.find("log") is not registry.find("a")


def test_a_name_gives_one_sink_to_all_threads() -> None:
    registry = shelf_of('[sinks.all]\ntype = "fan_out"\nsinks = ["log"]')
    found: list[object] = []
    in_threads(lambda _: found.append(registry.find("all")))
    assert len(set(map(id, found))) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_finds_sinks_though_another_thread_was_at_it() -> None:
    registry = shelf_of()
    is_held, may_go = threading.Event(), threading.Event()

    def hold() -> None:
        with _building.lock:
            is_held.set()
            may_go.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    is_held.wait()
    try:
        assert fork(lambda: registry.find("log")) == 0
    finally:
        may_go.set()
        holder.join()


@pytest.mark.parametrize(
    ("text", "name", "problem"),
    [
        ("[budgets]", "webhok", 'no sink is called "webhok"; did you mean "webhook"?'),
        ("[budgets]", "fanout", 'no sink is called "fanout"; did you mean "fan_out"?'),
        ('[sinks.auditors]\ntype = "log"', "auditor", '"auditor"; did you mean "auditors"?'),
        (
            '[sinks.a]\ntype = "jsnl"',
            "a",
            'perfkit.toml:2: sinks.a.type: no sink is of type "jsnl"; did',
        ),
        ("[budgets]", "qqqqqq", 'no sink is called "qqqqqq"; there are evidence, github, jsonl,'),
        ('[sinks.lgo]\nform = "json"', "lgo", 'no sink is of type "lgo"; did you mean "log"?'),
        (  # the name of a sink is no type
            '[sinks.duty]\ntype = "dutyy"',
            "duty",
            'perfkit.toml:2: sinks.duty.type: no sink is of type "dutyy"; there are alertmanager, ',
        ),
    ],
)
def test_an_unknown_name_or_type_is_told_with_the_nearest(
    text: str, name: str, problem: str
) -> None:
    assert problem in problem_of(text, name)


@pytest.mark.usefixtures("_plugged_in")
def test_types_of_other_packages_are_offered_too() -> None:
    assert 'did you mean "pager"?' in problem_of('[sinks.a]\ntype = "pgaer"')


# -- fan-out, and what the code gives


def test_a_fan_out_gives_each_of_its_sinks_once() -> None:
    text = '[sinks.a]\ntype = "fan_out"\nsinks = ["log", "b", "log"]\n[sinks.b]\ntype = "metrics"'
    registry = shelf_of(text)
    fan_out = ending_of(registry, "a")
    assert isinstance(fan_out, FanOut)
    assert fan_out.sinks == (registry.find("log"), registry.find("b"))


def test_fan_outs_may_share_sinks_and_hold_one_another() -> None:
    text = "".join(
        f'[sinks.{name}]\ntype = "fan_out"\nsinks = {inner}\n'
        for name, inner in (("a", ["b", "c"]), ("b", ["c", "log"]), ("c", ["log"]))
    )
    registry = shelf_of(text)
    assert ending_of(registry, "a").sinks == (registry.find("b"), registry.find("c"))


@pytest.mark.parametrize(
    ("tables", "way"),
    [
        ({"a": ["a"]}, "3: sinks.a.sinks: it fans out to itself (a -> a); leave one of them out"),
        (
            {"a": ["b"], "b": ["c"], "c": ["b"]},
            "6: sinks.b.sinks: it fans out to itself (b -> c -> b); lea",
        ),
    ],
)
def test_a_fan_out_to_itself_is_told_with_its_way(tables: dict[str, list[str]], way: str) -> None:
    text = "".join(f'[sinks.{n}]\ntype = "fan_out"\nsinks = {s}\n' for n, s in tables.items())
    (problem,) = problem_of(text).splitlines()
    assert problem.startswith(f"perfkit.toml:{way}")


def test_all_that_is_wrong_in_a_fan_out_is_told_at_once() -> None:
    text = (
        '[sinks.a]\ntype = "fan_out"\nsinks = ["lgo", "b", "webhook"]\n[sinks.b]\ntype = "jsnl"\n'
    )
    told = problem_of(text).splitlines()
    assert [line.partition("; ")[0] for line in told] == [
        'perfkit.toml:3: sinks.a.sinks: no sink is called "lgo"',
        'perfkit.toml:3: sinks.a.sinks: sink "webhook": option url is missing',
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
    problem = problem_of(f'[sinks.a]\nrepeat_interval = "5m"\nbackground = true\ntype = {kind}')
    assert "sinks.a: repeat_interval, background has no effect on a sink that raises" in problem


def test_what_a_layer_needs_is_told_like_all_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tenacity", None)
    problem = problem_of('[sinks.a]\ntype = "metrics"\nmax_attempts = 3')
    assert problem.startswith("perfkit.toml:1: sinks.a: retrying a delivery needs the 'webhook'")


def test_what_the_code_gives_is_adopted_once() -> None:
    registry, sink = shelf_of(), LogSink()
    assert registry.wrap_layers(sink) is registry.wrap_layers(sink)


# -- the policy of each type


@pytest.mark.parametrize("kind", [*BUILT_IN, "of another package"])
def test_what_is_usual_for_a_type_says_all_but_what_the_settings_say(kind: str) -> None:
    usual = default_policy(kind)
    silent = {key for key in fields_dict(Policy) if getattr(usual, key) is None}
    assert silent == {"match", "background"}


LAYERS: dict[str, list[str]] = {
    "jsonl": [],
    "otel": [],
    "log": ["RateLimited"],
    "github": ["Deduplicated"],
    "sentry": ["RateLimited"],
    "webhook": ["RateLimited", "CircuitBroken", "Retried"],
    "alertmanager": ["Deduplicated", "CircuitBroken", "Retried"],
    "notify": ["Deduplicated", "RateLimited", "CircuitBroken", "Retried"],
}


@pytest.mark.parametrize("kind", LAYERS)
def test_each_type_has_its_usual_layers_from_the_outside_in(kind: str) -> None:
    pytest.importorskip("tenacity")
    chains: Callable[..., Any] = SinkChains(FakeClock(), in_background=False).declared
    names = [
        type(layer).__name__ for layer in layers_of(chains("a", LogSink(), default_policy(kind)))
    ]
    assert [
        name for name in names if name not in {"DeliveryEntry", "DeliveredCounter", "LogSink"}
    ] == LAYERS[kind]


def test_a_sink_that_has_had_no_violation_is_in_the_statistics_with_zeros() -> None:
    with perfkit.override(parse_catalog('[sinks.never_reached]\ntype = "metrics"')):
        [totals] = [each for each in perfkit.sink_stats() if each.sink == "never_reached"]
    assert (totals.raised, totals.waiting) == (0, 0)


def test_a_layer_that_refuses_a_policy_of_code_is_told_at_once() -> None:
    catalog = Catalog(
        sinks=(SinkDeclaration(name="a", type="metrics", policy=Policy(rate_limit=-1.0)),)
    )
    with pytest.raises(ConfigurationError, match=r'^sink "a": rate limit of -1 a second'):
        perfkit.configure(catalog)
