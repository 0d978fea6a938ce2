"""Endings for violations, and the choice between them."""

from perfkit.sinks.callback import CallbackSink
from perfkit.sinks.evidence_files import EvidenceFilesSink, save_evidence
from perfkit.sinks.jsonl import JsonLinesSink
from perfkit.sinks.log import LogSink
from perfkit.sinks.raising import RaiseSink
from perfkit.sinks.record import as_record
from perfkit.sinks.routing import Router

__all__ = [
    "CallbackSink",
    "EvidenceFilesSink",
    "JsonLinesSink",
    "LogSink",
    "RaiseSink",
    "Router",
    "as_record",
    "save_evidence",
]
