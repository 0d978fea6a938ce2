"""A backend that misbehaves: each violation is delivered or dropped with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor

import perfkit
from tests.faults.conftest import Accounts
from tests.faults.sinks import LONGEST, Hearing
from tests.receivers.certificates import make_certificate
from tests.receivers.otlp import OtlpReceiver
from tests.receivers.webhook import (
    Behaviour,
    WebhookReceiver,
    answer,
    closed_port,
    never,
    reset,
    trickle_body,
    trickle_headers,
    trickle_status,
)

_CALLS = 3
_TABLE = """
[sinks.backend]
type = "{kind}"
url = "{url}"
timeout = "{timeout}"
max_attempts = {attempts}
max_failures = {failures}
failure_cooldown = "{cooldown}"
{more}
"""


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as server:
        yield server


_WITHOUT_SUPPRESSION = {
    "webhook": 'rate_limit = "off"',
    "alertmanager": 'resolve_after = "off"\nrepeat_interval = "off"',
}


@pytest.fixture(params=_WITHOUT_SUPPRESSION)
def configure(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Hearing]:
    """Configure a backend of each kind beside a sink that hears everything."""
    kind = request.param

    def configure(url: str, **options: Any) -> Hearing:
        given = {"timeout": "20s", "attempts": 1, "failures": 100, "cooldown": "1ms", **options}
        url = url.removesuffix("/hook") if kind == "alertmanager" else url
        catalog = tmp_path / "perfkit.toml"
        catalog.write_text(
            _TABLE.format(kind=kind, url=url, more=_WITHOUT_SUPPRESSION[kind], **given)
        )
        hearing = Hearing()
        perfkit.configure(
            catalog,
            sinks=["backend", hearing],
            delivery="background",
            unknown_budgets="ignore",
        )
        return hearing

    return configure


def break_budgets(calls: int = _CALLS) -> None:
    for number in range(calls):
        with perfkit.budget(f"backend {number}", duration="0s"):
            pass


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (answer(500), "refused"),
        (answer(429, {"Retry-After": "1"}), "refused"),
        (answer(413), "refused"),
        (reset(b"HTTP/1.1 200 OK\r\nContent-Le"), "failed"),
        (trickle_status(1.0), "timeout"),
        (trickle_headers(1.0), "timeout"),
        (never(), "timeout"),
    ],
    ids=["500", "429", "413", "reset", "slow status", "slow headers", "silent"],
)
def test_what_a_backend_does_not_take_is_dropped_with_its_reason(
    behave: Behaviour, reason: str, receiver: WebhookReceiver, configure: Any, accounts: Accounts
) -> None:
    receiver.always(behave)
    timeout = "200ms" if reason == "timeout" else "20s"  # on a busy machine answers take a while
    hearing = configure(receiver.url, timeout=timeout)
    break_budgets()
    assert perfkit.flush_sinks(LONGEST)
    totals = accounts()["backend"]
    assert (totals.raised, totals.delivered) == (_CALLS, 0)
    assert totals.dropped_by == {reason: _CALLS}
    assert len(hearing.heard) == _CALLS
    # The client may have given up before the receiver's thread got to read the request.
    assert receiver.wait_for(1)


def test_a_good_status_counts_though_the_body_comes_at_a_byte_a_second(
    receiver: WebhookReceiver, configure: Any, accounts: Accounts
) -> None:
    receiver.always(trickle_body(200, 1.0))
    configure(receiver.url)
    break_budgets()
    assert perfkit.flush_sinks(LONGEST)
    assert accounts()["backend"].delivered == _CALLS


def test_a_backend_that_is_down(configure: Any, accounts: Accounts) -> None:
    hearing = configure(f"http://127.0.0.1:{closed_port()}/x")
    break_budgets()
    assert perfkit.flush_sinks(LONGEST)
    assert accounts()["backend"].dropped_by == {"unreachable": _CALLS}
    assert len(hearing.heard) == _CALLS


def test_a_certificate_that_is_not_trusted(
    configure: Any, accounts: Accounts, tmp_path: Path
) -> None:
    with WebhookReceiver(make_certificate(tmp_path)) as receiver:
        configure(receiver.url)
        break_budgets()
        assert perfkit.flush_sinks(LONGEST)
        assert accounts()["backend"].dropped_by == {"failed": _CALLS}
        assert receiver.requests == []


def test_a_second_attempt_delivers(
    receiver: WebhookReceiver, configure: Any, accounts: Accounts
) -> None:
    receiver.then(answer(503), answer(200))
    configure(receiver.url, attempts=3)
    break_budgets(1)
    assert perfkit.flush_sinks(LONGEST)
    totals = accounts()["backend"]
    assert (totals.delivered, totals.dropped) == (1, 0)
    assert len(receiver.requests) == 2


def test_a_dead_backend_is_left_alone_and_heard_again_when_it_is_back(
    configure: Any, accounts: Accounts
) -> None:
    """The circuit opens, one attempt is made when it is half open, and then it is closed."""
    with WebhookReceiver() as receiver:
        port = receiver.port
        receiver.always(answer(500))
        configure(receiver.url, failures=2, cooldown="500ms", timeout="5s")
        break_budgets(10)
        assert perfkit.flush_sinks(LONGEST)
        dropped = accounts()["backend"].dropped_by
        assert dropped["refused"] >= 2
        assert dropped["refused"] + dropped.get("circuit open", 0) == 10
    before = accounts()["backend"]
    with WebhookReceiver(port=port) as receiver:
        while not receiver.requests:  # until the cooldown is over, nothing comes
            break_budgets(1)
            assert perfkit.flush_sinks(LONGEST)
        break_budgets(5)
        assert perfkit.flush_sinks(LONGEST)
        assert accounts()["backend"].delivered == before.delivered + 6


# -- an OTLP receiver


@pytest.fixture
def export_to() -> Iterator[Callable[..., None]]:
    """Configure the sink of log records with a processor that exports within `emit`."""
    provider = LoggerProvider(shutdown_on_exit=False)

    def export_to(url: str, **options: Any) -> None:
        exporter = OTLPLogExporter(endpoint=url, **options)
        provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
        perfkit.configure(
            perfkit.Catalog(),
            telemetry=perfkit.Telemetry(logger_provider=provider),
            sinks=["otel"],
            delivery="background",
            unknown_budgets="ignore",
        )

    yield export_to
    provider.shutdown()


@pytest.mark.parametrize("fault", ["never answers", "down"])
def test_an_otlp_receiver_that_fails_holds_up_no_call_though_each_is_exported_at_once(
    fault: str, receiver: WebhookReceiver, export_to: Any, accounts: Accounts
) -> None:
    receiver.always(never())
    url = receiver.url if fault == "never answers" else f"http://127.0.0.1:{closed_port()}"
    export_to(url, timeout=0.4)
    break_budgets()
    assert accounts()["otel"].waiting > 0
    assert perfkit.flush_sinks(LONGEST)
    totals = accounts()["otel"]
    assert (totals.raised, totals.waiting) == (_CALLS, 0)
    assert totals.delivered + totals.dropped == _CALLS


def test_an_otlp_receiver_that_others_wrote_gets_each_violation_from_the_thread_of_the_sink(
    otlp_receiver: OtlpReceiver, export_to: Any, accounts: Accounts
) -> None:
    otlp_receiver.clear()
    export_to(f"{otlp_receiver.url}/v1/logs")
    break_budgets()
    assert perfkit.flush_sinks(LONGEST)
    assert accounts()["otel"].delivered == _CALLS
    records = otlp_receiver.wait_for(
        lambda each: found if len(found := each.log_records()) == _CALLS else None
    )
    assert {record["event_name"] for record in records} == {"perfkit.budget.violation"}
