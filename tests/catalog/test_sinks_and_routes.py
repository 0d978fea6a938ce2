"""What a catalog says of sinks and routes is read whole, or all that is wrong with it is told."""

from __future__ import annotations

import pytest
from attrs import fields_dict

from perfkit.catalog import Catalog, SinkDeclaration, dump_catalog, parse_catalog
from perfkit.catalog.reading import POLICY, default_policy
from perfkit.catalog.routes import CONDITIONS
from perfkit.errors import CatalogError
from perfkit.model import Policy, Route
from perfkit.sinks import LogSink
from tests.catalog.test_problems import problems_of


def test_there_is_a_key_for_all_that_a_policy_and_a_route_hold() -> None:
    assert set(POLICY) == set(fields_dict(Policy))
    assert set(CONDITIONS) == set(fields_dict(Route)) - {"sinks", "name"}


@pytest.mark.parametrize("key", ["repeat_interval", "resolve_after", "rate_limit", "max_failures"])
@pytest.mark.parametrize("written", ['"off"', "false"])
def test_what_is_usual_can_be_turned_off(key: str, written: str) -> None:
    (sink,) = parse_catalog(f'[sinks.a]\ntype = "log"\n{key} = {written}').sinks
    whole = sink.policy.over(default_policy("notify"))
    assert getattr(whole, key) == 0


def test_whole_numbers_of_seconds_in_code_are_written_with_their_unit() -> None:
    policy = Policy(rate_limit=2, repeat_interval=300, batch_wait=5, max_failures=0)
    sink = SinkDeclaration(name="a", type="log", policy=policy)
    assert parse_catalog(dump_catalog(Catalog(sinks=(sink,)))).sinks == (sink,)


def test_a_sink_without_a_name_cannot_be_written() -> None:
    catalog = Catalog(routes=(Route(sinks=(LogSink(),)),))
    with pytest.raises(CatalogError, match="leads to a LogSink, which a file cannot hold"):
        dump_catalog(catalog)


def test_two_routes_of_one_name_are_told_at_the_second() -> None:
    text = '[[routes]]\nname = "a"\nsinks = []\n[[routes]]\nsinks = []\nname = "a"\n'
    assert problems_of(text) == (
        'perfkit.toml:6: routes[1].name: routes[0] is called "a" too; rename one of them',
    )


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
