"""A real OTLP receiver on loopback, and what it has received."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from tests.receivers.closing import Closing, poll
from tests.receivers.installing import HERE

Json = dict[str, Any]
Seen = TypeVar("Seen")

_PATIENCE_SECONDS = 30.0
_TEMPORALITY = {1: "delta", 2: "cumulative"}
_SHAPES = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")


class OtlpReceiver(Closing):
    """Runs the receiver as a process of its own until closed.

    What an exporter has handed over is there to read as soon as the exporter's call has returned.

    Args:
        installed: The folder that has the receiver's ``node_modules``.
        folder: Where its output goes; empty.
    """

    def __init__(self, installed: Path, folder: Path) -> None:
        self._errors = folder / "errors.txt"
        self._requests: list[Json] = []
        self._marks = 0
        self._pending = ""
        with (folder / "output.jsonl").open("w") as output, self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                [str(shutil.which("node")), str(HERE / "otlp_receiver.js"), str(installed)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=errors,
                text=True,
            )
        self._output = (folder / "output.jsonl").open()
        self.url: str = self._await("url")
        """Where to ship to; add ``/v1/traces``, ``/v1/metrics`` or ``/v1/logs``."""

    def clear(self) -> None:
        """Forget what was received so far."""
        self._catch_up()
        self._requests.clear()

    def spans(self) -> list[Json]:
        """Return every span received."""
        return [span for data in self._of("trace") for span in _read_spans(data)]

    def metrics(self) -> list[Json]:
        """Return every data point received."""
        return [point for data in self._of("metrics") for point in _read_points(data)]

    def log_records(self) -> list[Json]:
        """Return every log record received."""
        return [record for data in self._of("logs") for record in _read_log_records(data)]

    def wait_for(self, look: Callable[[OtlpReceiver], Seen], timeout: float = 10.0) -> Seen:
        """Look until there is something to see; return that.

        Only for what is exported in the background: a flush needs no waiting.

        Args:
            look: Returns something true once it is there, such as a non-empty list of spans.
            timeout: Seconds.

        Raises:
            TimeoutError: If it has not come by then.
        """
        return poll(lambda: look(self), timeout, "what the test waits for has not arrived")

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()

    def _of(self, signal: str) -> list[Json]:
        self._catch_up()
        return [request["data"] for request in self._requests if request["signal"] == signal]

    def _catch_up(self) -> None:
        """Have the receiver write down all it has: it answers before it writes."""
        self._marks += 1
        assert self._process.stdin is not None
        self._process.stdin.write(f"mark {self._marks}\n")
        self._process.stdin.flush()
        while self._await("mark") != self._marks:
            pass

    def _await(self, key: str) -> Any:
        complaint = f"the OTLP receiver says nothing: see {self._errors}"
        line = poll(lambda: self._read_until(key), _PATIENCE_SECONDS, complaint)
        return line[key]

    def _read_until(self, key: str) -> Json | None:
        """Read on to the next line that has `key`, keeping the requests on the way."""
        while text := self._output.readline():
            self._pending += text
            if not text.endswith("\n"):
                break
            line, self._pending = json.loads(self._pending), ""
            if key in line:
                return dict(line)
            if "signal" in line:
                self._requests.append(line)
        if self._process.poll() is not None:
            raise RuntimeError(f"the OTLP receiver ended:\n{self._errors.read_text()}")
        return None


def _read_spans(request: Json) -> Iterator[Json]:
    """Yield each span of a trace request; ids in hex, times in ns."""
    for resource, span in _flatten(request, "resourceSpans", "scopeSpans", "spans"):
        yield {
            "name": span["name"],
            "trace_id": span["traceId"],
            "span_id": span["spanId"],
            "parent_span_id": span.get("parentSpanId", ""),
            "attributes": span.get("attributes", {}),
            "start_ns": int(span["startTimeUnixNano"]),
            "end_ns": int(span["endTimeUnixNano"]),
            "resource": resource,
        }


def _read_points(request: Json) -> Iterator[Json]:
    """Yield each data point of a metrics request, with the name and the unit of its metric."""
    for resource, metric in _flatten(request, "resourceMetrics", "scopeMetrics", "metrics"):
        shape = next(shape for shape in _SHAPES if shape in metric)
        data = metric[shape]
        common = {
            "name": metric["name"],
            "unit": metric.get("unit", ""),
            "temporality": _TEMPORALITY.get(data.get("aggregationTemporality")),
            "resource": resource,
        }
        for point in data.get("dataPoints", []):
            about = {
                "attributes": point.get("attributes", {}),
                "start_ns": int(point.get("startTimeUnixNano", 0)),
            }
            yield common | about | _values(shape, point)


def _read_log_records(request: Json) -> Iterator[Json]:
    """Yield each record of a logs request; events have an event_name."""
    for resource, record in _flatten(request, "resourceLogs", "scopeLogs", "logRecords"):
        yield {
            "event_name": record.get("eventName", ""),
            "severity_text": record.get("severityText", ""),
            "attributes": record.get("attributes", {}),
            "trace_id": record.get("traceId", ""),
            "span_id": record.get("spanId", ""),
            "resource": resource,
        }


def _flatten(request: Json, resources: str, scopes: str, items: str) -> Iterator[tuple[Json, Json]]:
    for of_resource in request.get(resources, []):
        resource = of_resource.get("resource", {}).get("attributes", {})
        for of_scope in of_resource.get(scopes, []):
            for item in of_scope.get(items, []):
                yield resource, item


def _values(shape: str, point: Json) -> Json:
    if shape == "histogram":
        return {
            "count": int(point.get("count", 0)),
            "sum": point.get("sum", 0.0),
            "min": point.get("min"),
            "max": point.get("max"),
            "bucket_counts": [int(count) for count in point.get("bucketCounts", [])],
            "explicit_bounds": point.get("explicitBounds", []),
        }
    if "asInt" in point:
        return {"value": int(point["asInt"])}
    return {"value": point.get("asDouble", 0.0)}
