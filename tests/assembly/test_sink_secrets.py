"""What a variable holds goes to its sink, and is never shown."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from click.testing import CliRunner

import perfkit
from perfkit import budget
from perfkit.catalog import parse_catalog
from perfkit.cli.group import command
from perfkit.errors import DeliveryError
from perfkit.testing import FakeClock
from tests.assembly.registries import ending_of, problem_of, shelf_of
from tests.receivers.webhook import WebhookReceiver, answer
from tests.sinks.violations import make_violation

SECRET = "https://hooks.example.com/T000/hunter2"  # noqa: S105 - it opens nothing
OLD_PYTHON = "ignore:'imghdr' is deprecated:DeprecationWarning"  # apprise itself uses it


@pytest.fixture
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", SECRET)


@pytest.mark.usefixtures("_plugged_in", "_secret")
@pytest.mark.parametrize("url", [SECRET, "${HOOK}"])
def test_what_a_sink_of_another_package_raises_is_not_shown(url: str) -> None:
    problem = problem_of(f'[sinks.a]\ntype = "refuse"\nurl = "{url}"')
    assert problem.startswith(
        "perfkit.toml:1: sinks.a: making it raised ValueError; its message is"
    )


@pytest.mark.usefixtures("_plugged_in", "_secret")
def test_what_a_variable_holds_is_masked_in_the_message_of_a_sink() -> None:
    problem = problem_of('[sinks.a]\ntype = "polite"\nurl = "${HOOK}"')
    assert problem == "perfkit.toml:1: sinks.a: cannot use '***'; write\\x1b another"


@pytest.mark.parametrize("url", ["ftp://hunter2.example/x", "https://[hunter2", "hunter2"])
@pytest.mark.parametrize("kind", ["webhook", "alertmanager"])
def test_an_address_that_is_refused_is_not_shown(kind: str, url: str) -> None:
    assert problem_of(f'[sinks.a]\ntype = "{kind}"\nurl = "{url}"').startswith(
        "perfkit.toml:1: sin"
    )


@pytest.mark.filterwarnings(OLD_PYTHON)
def test_an_address_to_notify_that_is_refused_is_not_shown() -> None:
    pytest.importorskip("apprise")
    problem_of('[sinks.a]\ntype = "notify"\nurls = ["nowhere://hunter2"]')


@pytest.fixture
def _chat(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A sink of another package that fails with its URL, and has a secret in that."""
    monkeypatch.setenv("CHAT_KEY", "hunter2-KEY")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    Path("perfkit.toml").write_text(
        '[budgets.load]\nduration = "1s"\n[settings]\nsinks = ["room"]\n'
        '[sinks.room]\ntype = "chat"\nurl = "https://chat.example.org/rooms/7?key=${CHAT_KEY}"\n'
    )


@pytest.mark.usefixtures("_plugged_in", "_chat", "lenient")
def test_what_a_sink_fails_with_is_logged_without_its_secrets(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    perfkit.configure("perfkit.toml", clock=clock)
    with budget("load"):
        clock.advance(2)
    perfkit.flush_sinks(5)
    assert "sink room failed: OSError: 503 Server Error for url: https://chat" in caplog.text
    assert "rooms/7?key=***" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize("kind", ["webhook", "alertmanager"])
def test_a_receiver_that_quotes_a_secret_does_not_bring_it_into_the_log(
    kind: str, clock: FakeClock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(1)
    monkeypatch.setenv("CHAT_KEY", "hun/ter2")
    quoted = ["hun/ter2", "hun%2Fter2", r"hun\/ter2", base64.b64encode(b"a hun/ter2 b").decode()]
    with WebhookReceiver() as receiver:
        receiver.always(answer(400, body=f"unknown {' '.join(quoted)}".encode()))
        sink = f'[sinks.room]\ntype = "{kind}"\nurl = "{receiver.url}/${{CHAT_KEY}}"\n'
        sink += 'headers = { Authorization = "Bearer ${CHAT_KEY}" }\n'
        perfkit.configure(parse_catalog(f'[settings]\nsinks = ["room"]\n{sink}'), clock=clock)

        # A block's place would keep the sink alive, and its alert active, after the test.
        @perfkit.timed(threshold="1s")
        def load() -> None:
            clock.advance(2)

        load()
        perfkit.flush_sinks(5)
        receiver.always(answer(200))
        perfkit.flush_sinks(5)  # so that no later test flushes an alert that is still to be sent
    assert "sink room failed: DeliveryError: http://127.0.0.1" in caplog.text
    assert ': "unknown *** *** *** ' in caplog.text
    assert not [text for text in (*quoted, "ter2", "dGVyM") if text in caplog.text]


@pytest.mark.usefixtures("_plugged_in", "_chat")
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["table", "json"])
def test_trying_a_sink_out_shows_none_of_its_secrets(form: list[str]) -> None:
    result = CliRunner().invoke(command, ["sinks", "test", *form])
    assert result.exit_code == 1
    assert "rooms/7?key=***" in result.stdout
    assert "hunter2" not in result.output


def test_the_host_and_the_path_that_a_sink_says_by_design_stay(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WHERE", "127.0.0.1")
    monkeypatch.setenv("LOGS", str(tmp_path))
    text = (
        '[sinks.a]\ntype = "webhook"\nurl = "http://${WHERE}:1/x"\n'
        "max_attempts = 1\n"
        '[sinks.b]\ntype = "jsonl"\npath = "${LOGS}/v.jsonl"\n'
    )
    registry = shelf_of(text)
    assert str(tmp_path) in ending_of(registry, "b").destination
    with pytest.raises(DeliveryError, match=r"http://127\.0\.0\.1:1 cannot be reached"):
        ending_of(registry, "a").emit(make_violation())


@pytest.mark.parametrize(
    ("value", "options", "problem"),
    [
        (
            'hunter2 "{x}',
            'type = "webhook"\nurl = "https://example.org"\nbody = { a = "{${HELD}}" }',
            "body.a: a single { has no partner; write {{",
        ),
        (
            "hunter2" * 20,
            'type = "webhook"\nurl = "https://example.org"\nbody = { a = "{bugdet} ${HELD}" }',
            "body.a: unknown placeholder {bugdet}; did you mean {budget}?",
        ),
        ("hunter2-name", 'type = "fan_out"\nsinks = ["${HELD}"]', 'no sink is called "***"; there'),
    ],
)
def test_no_piece_of_a_value_is_in_what_is_said_of_the_options(
    monkeypatch: pytest.MonkeyPatch, value: str, options: str, problem: str
) -> None:
    monkeypatch.setenv("HELD", value)
    found = problem_of(f"[sinks.a]\n{options}")
    assert found.partition(": ")[2].partition(": ")[2].startswith(problem)


@pytest.mark.filterwarnings(OLD_PYTHON)
@pytest.mark.parametrize("value", ["abc{hunter2}def", "hun'ter2-word"])
def test_no_piece_of_a_value_is_in_what_is_said_of_a_title(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    pytest.importorskip("apprise")
    monkeypatch.setenv("HELD", value)
    options = """type = "notify"\nurls = ["json://x"]\ntitle = '" ${HELD} {bugdet}'"""
    problem = problem_of(f"[sinks.a]\n{options}")
    assert "title: unknown placeholder {bugdet}; did you mean {budget}?" in problem
    assert "ter2" not in problem


@pytest.mark.parametrize("value", ["pw{budget}x}}y{{z", "{", '{"private_key": "k"}', "{severity"])
def test_what_a_variable_holds_is_posted_as_it_is(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("HELD", value)
    with WebhookReceiver() as receiver:
        registry = shelf_of(
            f'[sinks.a]\ntype = "webhook"\nurl = "{receiver.url}"\n'
            'body = { k = "${HELD}", text = "{budget} {{${HELD}}} ${HELD}" }'
        )
        ending_of(registry, "a").emit(make_violation())
        assert receiver.requests[0].json() == {"k": value, "text": f"load {{{value}}} {value}"}


def test_what_a_receiver_quotes_of_a_body_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PD_KEY", 'hun"ter2/01')
    with WebhookReceiver() as receiver:
        body = b'invalid: {"routing_key": "hun\\"ter2\\/01", "of": "load"}'
        receiver.always(answer(400, body=body))
        registry = shelf_of(
            f'[sinks.a]\ntype = "webhook"\nurl = "{receiver.url}"\n'
            'body = { routing_key = "${PD_KEY}", of = "{budget}" }'
        )
        with pytest.raises(DeliveryError) as caught:
            ending_of(registry, "a").emit(make_violation())
    assert ': "invalid: {"routing_key": "***", "of": "load"}"' in str(caught.value)


@pytest.mark.usefixtures("_plugged_in")
def test_the_name_of_a_sink_forges_no_line() -> None:
    text = '[sinks."h\\u001b[31m\\nCRITICAL forged"]\ntype = "KIND"\n'
    for kind in ("webhook", "nonsense\\n", "refuse", "fan_out"):
        problem = problem_of(text.replace("KIND", kind), "h\x1b[31m\nCRITICAL forged")
        assert problem.isprintable()
        assert "sinks.h\\x1b[31m\\nCRITICAL forged" in problem


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
