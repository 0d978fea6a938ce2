"""Where violations go: endings, the layers around them, and the choice between them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from perfkit.sinks.accounts import Account, Totals
    from perfkit.sinks.endings.alertmanager import AlertmanagerSink
    from perfkit.sinks.endings.callback import CallbackSink
    from perfkit.sinks.endings.evidence_files import EvidenceFilesSink, save_evidence
    from perfkit.sinks.endings.github import GitHubSink
    from perfkit.sinks.endings.jsonl import JsonLinesSink
    from perfkit.sinks.endings.log import LogSink
    from perfkit.sinks.endings.metrics_only import MetricsOnlySink
    from perfkit.sinks.endings.notify import NotifySink
    from perfkit.sinks.endings.raising import RaiseSink
    from perfkit.sinks.endings.sentry import SentrySink
    from perfkit.sinks.endings.webhook import WebhookSink
    from perfkit.sinks.flushing import flush_sinks, sink_totals
    from perfkit.sinks.layers.background import Background
    from perfkit.sinks.layers.batch import Batched
    from perfkit.sinks.layers.circuit_breaker import CircuitBroken
    from perfkit.sinks.layers.dedupe import Deduped
    from perfkit.sinks.layers.edge import EdgeTriggered
    from perfkit.sinks.layers.fan_out import FanOut
    from perfkit.sinks.layers.filtered import Filtered
    from perfkit.sinks.layers.layer import Layer
    from perfkit.sinks.layers.rate_limit import RateLimited
    from perfkit.sinks.layers.retry import Retried
    from perfkit.sinks.layers.time_limit import TimeLimited
    from perfkit.sinks.record import as_record
    from perfkit.sinks.routing import Router

__all__ = [
    "Account",
    "AlertmanagerSink",
    "Background",
    "Batched",
    "CallbackSink",
    "CircuitBroken",
    "Deduped",
    "EdgeTriggered",
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
    "sink_totals",
]

_HOMES: Final = {
    "Account": "accounts",
    "AlertmanagerSink": "endings.alertmanager",
    "Background": "layers.background",
    "Batched": "layers.batch",
    "CallbackSink": "endings.callback",
    "CircuitBroken": "layers.circuit_breaker",
    "Deduped": "layers.dedupe",
    "EdgeTriggered": "layers.edge",
    "EvidenceFilesSink": "endings.evidence_files",
    "FanOut": "layers.fan_out",
    "Filtered": "layers.filtered",
    "GitHubSink": "endings.github",
    "JsonLinesSink": "endings.jsonl",
    "Layer": "layers.layer",
    "LogSink": "endings.log",
    "MetricsOnlySink": "endings.metrics_only",
    "NotifySink": "endings.notify",
    "RaiseSink": "endings.raising",
    "RateLimited": "layers.rate_limit",
    "Retried": "layers.retry",
    "Router": "routing",
    "SentrySink": "endings.sentry",
    "TimeLimited": "layers.time_limit",
    "Totals": "accounts",
    "WebhookSink": "endings.webhook",
    "as_record": "record",
    "flush_sinks": "flushing",
    "save_evidence": "endings.evidence_files",
    "sink_totals": "flushing",
}


def __getattr__(name: str) -> Any:
    """Load a sink or a layer when it is first asked for: each brings what it needs."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
