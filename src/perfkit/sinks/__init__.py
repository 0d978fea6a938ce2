"""Where violations go: endings, the layers around them, and the choice between them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from perfkit.sinks.builtin.alertmanager import AlertmanagerSink
    from perfkit.sinks.builtin.callback import CallbackSink
    from perfkit.sinks.builtin.evidence_files import EvidenceFilesSink, save_evidence
    from perfkit.sinks.builtin.github import GitHubSink
    from perfkit.sinks.builtin.jsonl import JsonLinesSink
    from perfkit.sinks.builtin.log import LogSink
    from perfkit.sinks.builtin.metrics_only import MetricsOnlySink
    from perfkit.sinks.builtin.notify import NotifySink
    from perfkit.sinks.builtin.raising import RaiseSink
    from perfkit.sinks.builtin.sentry import SentrySink
    from perfkit.sinks.builtin.webhook import WebhookSink
    from perfkit.sinks.delivery.batch import Batched
    from perfkit.sinks.delivery.circuit_breaker import CircuitBroken
    from perfkit.sinks.delivery.dedupe import Deduped
    from perfkit.sinks.delivery.deduplicate import Deduplicated
    from perfkit.sinks.delivery.fan_out import FanOut
    from perfkit.sinks.delivery.filter import Filtered
    from perfkit.sinks.delivery.layer import Layer
    from perfkit.sinks.delivery.queue import Background
    from perfkit.sinks.delivery.rate_limit import RateLimited
    from perfkit.sinks.delivery.retry import Retried
    from perfkit.sinks.delivery.stats import DeliveryStats, Totals
    from perfkit.sinks.delivery.time_limit import TimeLimited
    from perfkit.sinks.flushing import flush_sinks, sink_stats
    from perfkit.sinks.record import as_record
    from perfkit.sinks.routing import Router

__all__ = [
    "AlertmanagerSink",
    "Background",
    "Batched",
    "CallbackSink",
    "CircuitBroken",
    "Deduped",
    "Deduplicated",
    "DeliveryStats",
    "EvidenceFilesSink",
    "FanOut",
    "Filtered",
    "GitHubSink",
    "JsonLinesSink",
    "Layer",
    "LogSink",
    "MetricsOnlySink",
    "NotifySink",
    "RaiseSink",
    "RateLimited",
    "Retried",
    "Router",
    "SentrySink",
    "TimeLimited",
    "Totals",
    "WebhookSink",
    "as_record",
    "flush_sinks",
    "save_evidence",
    "sink_stats",
]

_HOMES: Final = {
    "DeliveryStats": "delivery.stats",
    "AlertmanagerSink": "builtin.alertmanager",
    "Background": "delivery.queue",
    "Batched": "delivery.batch",
    "CallbackSink": "builtin.callback",
    "CircuitBroken": "delivery.circuit_breaker",
    "Deduped": "delivery.dedupe",
    "Deduplicated": "delivery.deduplicate",
    "EvidenceFilesSink": "builtin.evidence_files",
    "FanOut": "delivery.fan_out",
    "Filtered": "delivery.filter",
    "GitHubSink": "builtin.github",
    "JsonLinesSink": "builtin.jsonl",
    "Layer": "delivery.layer",
    "LogSink": "builtin.log",
    "MetricsOnlySink": "builtin.metrics_only",
    "NotifySink": "builtin.notify",
    "RaiseSink": "builtin.raising",
    "RateLimited": "delivery.rate_limit",
    "Retried": "delivery.retry",
    "Router": "routing",
    "SentrySink": "builtin.sentry",
    "TimeLimited": "delivery.time_limit",
    "Totals": "delivery.stats",
    "WebhookSink": "builtin.webhook",
    "as_record": "record",
    "flush_sinks": "flushing",
    "save_evidence": "builtin.evidence_files",
    "sink_stats": "flushing",
}


def __getattr__(name: str) -> Any:
    """Load a sink or a layer when it is first asked for: each brings what it needs."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
