"""All of our sinks, and the layers around them, do what perfkit expects of sinks."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sentry_sdk
import structlog
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

from perfkit import Telemetry, Violation
from perfkit.otel.events import EventSink
from perfkit.sinks import (
    AlertmanagerSink,
    CallbackSink,
    CircuitBroken,
    Deduplicated,
    DeliveryQueue,
    EvidenceFilesSink,
    FanOut,
    Filtered,
    GitHubSink,
    JsonLinesSink,
    Layer,
    LogSink,
    MetricsOnlySink,
    NotifySink,
    RaiseSink,
    RateLimited,
    Retried,
    SentrySink,
    WebhookSink,
)
from perfkit.testing import check_sink
from tests.receivers.alertmanager import Alertmanager, find_alertmanager
from tests.receivers.webhook import WebhookReceiver

LONGEST = 20.0
"""Seconds: far longer than any delivery takes, on a machine that is busy too."""


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as server:
        yield server


# Our own.


@pytest.mark.parametrize(
    "sink",
    [
        *(LogSink(form=form) for form in ("text", "json", "auto")),
        MetricsOnlySink(),
        RaiseSink(),
        RaiseSink(contended=True),
        list[Violation]().append,
        CallbackSink(list[Violation]().append),
    ],
)
def test_a_sink_that_needs_nothing_passes(sink: Any) -> None:
    check_sink(sink, longest_seconds=LONGEST)


def test_the_log_of_structlog_passes() -> None:
    stream = io.StringIO()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(stream))
    try:
        check_sink(LogSink(form="structlog"), longest_seconds=LONGEST)
    finally:
        structlog.reset_defaults()
    assert "load_session" in stream.getvalue()


@pytest.mark.parametrize("options", [{}, {"max_bytes": 5000, "keep": 2}, {"fsync": True}], ids=str)
def test_json_lines_pass(options: dict[str, Any], tmp_path: Path) -> None:
    check_sink(JsonLinesSink(tmp_path / "lines.jsonl", **options), longest_seconds=LONGEST)


def test_a_coroutine_function_passes() -> None:
    heard = []

    async def hear(violation: Violation) -> None:
        await asyncio.sleep(0)
        heard.append(violation)

    check_sink(hear, longest_seconds=LONGEST)
    assert {violation.budget.name for violation in heard} >= {"load_session"}


def test_evidence_files_pass(tmp_path: Path) -> None:
    check_sink(EvidenceFilesSink(tmp_path), longest_seconds=LONGEST)


def test_opentelemetry_events_pass() -> None:
    exporter = InMemoryLogRecordExporter()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    check_sink(EventSink(Telemetry(logger_provider=provider)), longest_seconds=LONGEST)
    assert len(exporter.get_finished_logs()) > 50


@pytest.mark.parametrize(
    "options",
    [{}, {"secret": b"secret"}, {"secret": b"secret", "body": ["{sentence} {value} {budget}"]}],
    ids=["plain", "signed", "signed, with a body"],
)
def test_the_webhook_passes(receiver: WebhookReceiver, options: dict[str, Any]) -> None:
    check_sink(WebhookSink(receiver.url, **options), longest_seconds=LONGEST)


@pytest.mark.skipif(find_alertmanager() is None, reason="Alertmanager is not installed")
def test_the_alertmanager_passes(tmp_path: Path) -> None:
    with Alertmanager(tmp_path) as alertmanager:
        check_sink(AlertmanagerSink(alertmanager.url), longest_seconds=LONGEST)


def test_github_annotations_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    check_sink(GitHubSink(), longest_seconds=LONGEST, may_print=True)


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_notifications_pass(receiver: WebhookReceiver) -> None:
    sink = NotifySink([f"json://127.0.0.1:{receiver.port}/x"])
    check_sink(sink, longest_seconds=LONGEST)


def test_sentry_passes(receiver: WebhookReceiver) -> None:
    sentry_sdk.init(
        dsn=f"http://key@127.0.0.1:{receiver.port}/1",
        default_integrations=False,
        auto_enabling_integrations=False,
    )
    try:
        check_sink(SentrySink(), longest_seconds=LONGEST)
    finally:
        own = [each for each in threading.enumerate() if each.name.startswith("sentry-sdk")]
        sentry_sdk.get_client().close(timeout=5)
        sentry_sdk.get_global_scope().set_client(None)
        for thread in own:
            thread.join()


LAYERS: dict[str, Callable[[Any], Any]] = {
    "plain": Layer,
    "queued": DeliveryQueue,
    "batched": lambda sink: DeliveryQueue(sink, batch_size=20, batch_wait=0.05),
    "circuit broken": CircuitBroken,
    "deduplicated": lambda sink: Deduplicated(sink, 60.0),
    "resolved": lambda sink: Deduplicated(sink, resolve_after=60.0),
    "filtered": lambda sink: Filtered(sink, lambda violation: not violation.is_test),
    "rate limited": lambda sink: RateLimited(sink, 1000.0),
    "retried": Retried,
    "fan out": lambda sink: FanOut([sink, LogSink()]),
    "all together": lambda sink: RateLimited(DeliveryQueue(Retried(sink)), 1000.0, 1000),
}


@pytest.mark.parametrize("wrap", LAYERS.values(), ids=LAYERS.keys())
def test_a_layer_around_a_sink_passes(wrap: Callable[[Any], Any], tmp_path: Path) -> None:
    check_sink(wrap(JsonLinesSink(tmp_path / "lines.jsonl")), longest_seconds=LONGEST)
    assert (tmp_path / "lines.jsonl").read_bytes()
