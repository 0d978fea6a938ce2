"""What the plain OpenTelemetry SDK ships over OTLP/HTTP can be read back exactly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.trace import Status, StatusCode

from tests.receivers.otlp import OtlpReceiver

RESOURCE = Resource({"service.name": "shop"})


@pytest.fixture
def receiver(otlp_receiver: OtlpReceiver) -> OtlpReceiver:
    otlp_receiver.clear()
    return otlp_receiver


@pytest.fixture
def tracing(receiver: OtlpReceiver) -> Iterator[TracerProvider]:
    provider = TracerProvider(resource=RESOURCE)
    exporter = OTLPSpanExporter(endpoint=f"{receiver.url}/v1/traces")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider
    provider.shutdown()


@pytest.fixture
def metering(receiver: OtlpReceiver) -> Iterator[MeterProvider]:
    exporter = OTLPMetricExporter(endpoint=f"{receiver.url}/v1/metrics")
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    provider = MeterProvider(resource=RESOURCE, metric_readers=[reader])
    yield provider
    provider.shutdown()


def test_a_span_comes_with_name_attributes_resource_and_scope(
    receiver: OtlpReceiver, tracing: TracerProvider
) -> None:
    attributes = {"text": "salt", "count": 3, "share": 0.25, "is_paid": True, "sizes": (1, 2)}
    tracing.get_tracer("till", "1.2").start_span("pay", attributes=attributes).end()

    (span,) = receiver.spans()

    assert span["name"] == "pay"
    assert span["attributes"] == attributes | {"sizes": [1, 2]}
    assert span["resource"] == {"service.name": "shop"}
    assert span["scope"] == {"name": "till", "version": "1.2"}


def test_ids_times_and_status_are_those_of_the_span(
    receiver: OtlpReceiver, tracing: TracerProvider
) -> None:
    span = tracing.get_tracer("till").start_span("pay", start_time=1_000_000_000_000_000_001)
    span.set_status(Status(StatusCode.ERROR, "no money"))
    span.end(end_time=1_000_000_000_000_000_009)

    (read,) = receiver.spans()

    assert read["trace_id"] == f"{span.get_span_context().trace_id:032x}"
    assert read["span_id"] == f"{span.get_span_context().span_id:016x}"
    assert (read["start_ns"], read["end_ns"]) == (10**18 + 1, 10**18 + 9)
    assert (read["status"], read["status_message"]) == ("ERROR", "no money")


def test_a_child_names_its_parent_and_a_root_names_none(
    receiver: OtlpReceiver, tracing: TracerProvider
) -> None:
    tracer = tracing.get_tracer("till")
    with tracer.start_as_current_span("sale"), tracer.start_as_current_span("pay"):
        pass

    spans = {span["name"]: span for span in receiver.spans()}

    assert spans["sale"]["parent_span_id"] == ""
    assert spans["pay"]["parent_span_id"] == spans["sale"]["span_id"]
    assert spans["pay"]["trace_id"] == spans["sale"]["trace_id"]
    assert spans["pay"]["status"] == "UNSET"


def test_a_histogram_comes_with_exact_counts_and_bounds(
    receiver: OtlpReceiver, metering: MeterProvider
) -> None:
    histogram = metering.get_meter("till").create_histogram(
        "sale.duration", unit="s", explicit_bucket_boundaries_advisory=[0.1, 0.3, 1.0]
    )
    for value in (0.05, 0.1, 0.2, 5.0):
        histogram.record(value, {"kind": "cash"})
    metering.force_flush()

    (point,) = receiver.metrics()

    assert (point["name"], point["unit"], point["type"]) == ("sale.duration", "s", "histogram")
    assert point["temporality"] == "cumulative"
    assert point["attributes"] == {"kind": "cash"}
    assert point["explicit_bounds"] == [0.1, 0.3, 1.0]
    assert point["bucket_counts"] == [2, 1, 0, 1]
    assert (point["count"], point["sum"]) == (4, pytest.approx(5.35))
    assert (point["min"], point["max"]) == (0.05, 5.0)
    assert point["resource"] == {"service.name": "shop"}


def test_a_counter_comes_with_its_value_for_each_set_of_attributes(
    receiver: OtlpReceiver, metering: MeterProvider
) -> None:
    counter = metering.get_meter("till").create_counter("sales", unit="{sale}")
    counter.add(2, {"kind": "cash"})
    counter.add(3, {"kind": "card"})
    metering.force_flush()

    points = receiver.metrics()

    assert {point["attributes"]["kind"]: point["value"] for point in points} == {
        "cash": 2,
        "card": 3,
    }
    assert {(point["type"], point["is_monotonic"]) for point in points} == {("sum", True)}


def test_a_gauge_comes_with_its_last_value(receiver: OtlpReceiver, metering: MeterProvider) -> None:
    gauge = metering.get_meter("till").create_gauge("queue", unit="{person}")
    gauge.set(7)
    gauge.set(0)
    metering.force_flush()

    (point,) = receiver.metrics()

    assert (point["type"], point["value"], point["temporality"]) == ("gauge", 0, None)


def test_a_log_record_keeps_its_event_name_and_its_span(receiver: OtlpReceiver) -> None:
    provider = LoggerProvider(resource=RESOURCE)
    exporter = OTLPLogExporter(endpoint=f"{receiver.url}/v1/logs")
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    provider.get_logger("till").emit(
        LogRecord(
            timestamp=10**18 + 1,
            event_name="sale.refused",
            severity_number=SeverityNumber.WARN,
            severity_text="WARN",
            body="no money",
            attributes={"sum": 12},
        )
    )
    provider.shutdown()

    (record,) = receiver.log_records()

    assert record["event_name"] == "sale.refused"
    assert (record["severity_number"], record["severity_text"]) == (13, "WARN")
    assert (record["body"], record["attributes"]) == ("no money", {"sum": 12})
    assert record["time_ns"] == 10**18 + 1
    assert record["trace_id"] == record["span_id"] == ""


def test_what_was_cleared_does_not_come_back(
    receiver: OtlpReceiver, tracing: TracerProvider
) -> None:
    tracing.get_tracer("till").start_span("old").end()
    receiver.clear()
    tracing.get_tracer("till").start_span("new").end()

    assert [span["name"] for span in receiver.spans()] == ["new"]


def test_what_is_exported_in_the_background_can_be_waited_for(receiver: OtlpReceiver) -> None:
    provider = TracerProvider()
    exporter = OTLPSpanExporter(endpoint=f"{receiver.url}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=10))
    provider.get_tracer("till").start_span("pay").end()

    spans = receiver.wait_for(OtlpReceiver.spans)
    provider.shutdown()

    assert [span["name"] for span in spans] == ["pay"]


def test_waiting_for_what_never_comes_ends_with_an_error(receiver: OtlpReceiver) -> None:
    with pytest.raises(TimeoutError):
        receiver.wait_for(OtlpReceiver.spans, timeout=0.01)
