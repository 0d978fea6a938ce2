"""Set up the OpenTelemetry SDK from ``OTEL_*`` variables, for applications without a set-up.

The SDK and its exporters read most variables themselves (endpoints, headers, timeouts, batching,
sampling, resource). This module reads those that select exporters: ``OTEL_TRACES_EXPORTER``,
``OTEL_METRICS_EXPORTER``, ``OTEL_LOGS_EXPORTER`` (``otlp``, ``console`` or ``none``; default
``otlp``) and ``OTEL_EXPORTER_OTLP_PROTOCOL`` with its forms by signal (``http/protobuf``, the
default, or ``grpc``).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, Final

from opentelemetry import metrics, trace
from opentelemetry._logs import get_logger_provider, set_logger_provider
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from perfkit.errors import ConfigurationError, MissingExtraError
from perfkit.otel.counted_export import metric_exporter
from perfkit.otel.reporting import current_meter_provider, current_tracer_provider
from perfkit.otel.telemetry import Telemetry

_PROTOCOLS: Final = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}
_GLOBAL: Final = Telemetry()


def set_up_from_environment() -> Telemetry:
    """Create SDK providers from the ``OTEL_*`` variables, set them globally, and return them.

    A global provider that is already set is used and not replaced. The SDK flushes its providers
    and shuts them down when the interpreter exits.

    Raises:
        MissingExtraError: If the selected exporter is not installed.
        ConfigurationError: If a variable has an unknown value.
    """
    # Before a provider is set, so that an error leaves every global provider as it was.
    of_traces, of_metrics, of_logs = map(_exporters_of, ("TRACES", "METRICS", "LOGS"))
    if current_tracer_provider(_GLOBAL) is None:
        tracer_provider = TracerProvider()
        for exporter in of_traces:
            tracer_provider.add_span_processor(BatchSpanProcessor(exporter()))
        trace.set_tracer_provider(tracer_provider)
    if current_meter_provider(_GLOBAL) is None:
        readers = [PeriodicExportingMetricReader(metric_exporter(each())) for each in of_metrics]
        metrics.set_meter_provider(MeterProvider(metric_readers=readers))
    if type(get_logger_provider()).__name__ == "ProxyLoggerProvider":
        logger_provider = LoggerProvider()
        for exporter in of_logs:
            logger_provider.add_log_record_processor(BatchLogRecordProcessor(exporter()))
        set_logger_provider(logger_provider)
    return Telemetry(
        tracer_provider=current_tracer_provider(_GLOBAL),
        meter_provider=current_meter_provider(_GLOBAL),
        logger_provider=get_logger_provider(),
    )


def _exporters_of(signal: str) -> list[Callable[[], Any]]:
    """Return the class of the exporter of a signal; nothing if the variable is ``none``."""
    variable = f"OTEL_{signal}_EXPORTER"
    chosen = os.environ.get(variable, "").strip() or "otlp"
    if chosen == "none":
        return []
    if chosen not in {"otlp", "console"}:
        raise ConfigurationError(f"{variable} is {chosen!r}; write otlp, console or none")
    # The SDK and the OTLP exporters register their classes under these names.
    name = _name_of_protocol(signal) if chosen == "otlp" else chosen
    found = entry_points(group=f"opentelemetry_{signal.lower()}_exporter", name=name)
    try:
        return [next(iter(found)).load()]
    except (StopIteration, ImportError) as error:
        if name == _PROTOCOLS["grpc"]:
            raise ConfigurationError(
                "the grpc protocol needs the package opentelemetry-exporter-otlp-proto-grpc; "
                "install it, or set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
            ) from error
        raise MissingExtraError('telemetry="otlp"', "otlp") from error


def _name_of_protocol(signal: str) -> str:
    for variable in (f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        chosen = os.environ.get(variable, "").strip()
        if chosen and chosen not in _PROTOCOLS:
            known = " or ".join(_PROTOCOLS)
            raise ConfigurationError(f"{variable} is {chosen!r}; write {known}")
        if chosen:
            return _PROTOCOLS[chosen]
    return _PROTOCOLS["http/protobuf"]
