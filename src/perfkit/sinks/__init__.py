"""Deliver violations: sinks, the layers around them, and the choice between them."""

from typing import TYPE_CHECKING

from perfkit._lazy import lazy_names

if TYPE_CHECKING:
    from perfkit.model.violation import as_record as as_record
    from perfkit.sinks.builtin.alertmanager import AlertmanagerSink as AlertmanagerSink
    from perfkit.sinks.builtin.callback import CallbackSink as CallbackSink
    from perfkit.sinks.builtin.evidence_files import EvidenceFilesSink as EvidenceFilesSink
    from perfkit.sinks.builtin.evidence_files import save_evidence as save_evidence
    from perfkit.sinks.builtin.github import GitHubSink as GitHubSink
    from perfkit.sinks.builtin.jsonl import JsonLinesSink as JsonLinesSink
    from perfkit.sinks.builtin.log import LogSink as LogSink
    from perfkit.sinks.builtin.metrics_only import MetricsOnlySink as MetricsOnlySink
    from perfkit.sinks.builtin.notify import NotifySink as NotifySink
    from perfkit.sinks.builtin.raising import RaiseSink as RaiseSink
    from perfkit.sinks.builtin.sentry import SentrySink as SentrySink
    from perfkit.sinks.builtin.webhook import WebhookSink as WebhookSink
    from perfkit.sinks.delivery.circuit_breaker import CircuitBroken as CircuitBroken
    from perfkit.sinks.delivery.deduplicate import Deduplicated as Deduplicated
    from perfkit.sinks.delivery.fan_out import FanOut as FanOut
    from perfkit.sinks.delivery.layer import Layer as Layer
    from perfkit.sinks.delivery.queue import DeliveryQueue as DeliveryQueue
    from perfkit.sinks.delivery.retry import Retried as Retried
    from perfkit.sinks.delivery.stats import DeliveryStats as DeliveryStats
    from perfkit.sinks.delivery.stats import Totals as Totals
    from perfkit.sinks.delivery.suppressing import Filtered as Filtered
    from perfkit.sinks.delivery.suppressing import RateLimited as RateLimited
    from perfkit.sinks.flushing import flush_sinks as flush_sinks
    from perfkit.sinks.flushing import sink_stats as sink_stats
    from perfkit.sinks.routing import Router as Router

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        "perfkit.sinks.builtin.alertmanager": "AlertmanagerSink",
        "perfkit.sinks.builtin.callback": "CallbackSink",
        "perfkit.sinks.builtin.evidence_files": "EvidenceFilesSink save_evidence",
        "perfkit.sinks.builtin.github": "GitHubSink",
        "perfkit.sinks.builtin.jsonl": "JsonLinesSink",
        "perfkit.sinks.builtin.log": "LogSink",
        "perfkit.sinks.builtin.metrics_only": "MetricsOnlySink",
        "perfkit.sinks.builtin.notify": "NotifySink",
        "perfkit.sinks.builtin.raising": "RaiseSink",
        "perfkit.sinks.builtin.sentry": "SentrySink",
        "perfkit.sinks.builtin.webhook": "WebhookSink",
        "perfkit.sinks.delivery.circuit_breaker": "CircuitBroken",
        "perfkit.sinks.delivery.deduplicate": "Deduplicated",
        "perfkit.sinks.delivery.fan_out": "FanOut",
        "perfkit.sinks.delivery.layer": "Layer",
        "perfkit.sinks.delivery.queue": "DeliveryQueue",
        "perfkit.sinks.delivery.retry": "Retried",
        "perfkit.sinks.delivery.stats": "DeliveryStats Totals",
        "perfkit.sinks.delivery.suppressing": "Filtered RateLimited",
        "perfkit.sinks.flushing": "flush_sinks sink_stats",
        "perfkit.model.violation": "as_record",
        "perfkit.sinks.routing": "Router",
    },
)
