"""A real OTLP receiver on loopback, and what it has received."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tests.receivers.closing import Closing
from tests.receivers.installing import HERE
from tests.receivers.reading import Json, read_log_records, read_points, read_spans

Seen = TypeVar("Seen")

_PATIENCE_SECONDS = 30.0
_POLL_SECONDS = 0.002


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
        """Return every span received, as `read_spans` describes them."""
        return [span for data in self._of("trace") for span in read_spans(data)]

    def metrics(self) -> list[Json]:
        """Return every data point received, as `read_points` describes them."""
        return [point for data in self._of("metrics") for point in read_points(data)]

    def log_records(self) -> list[Json]:
        """Return every log record received, as `read_log_records` describes them."""
        return [record for data in self._of("logs") for record in read_log_records(data)]

    def wait_for(self, look: Callable[[OtlpReceiver], Seen], timeout: float = 10.0) -> Seen:
        """Look until there is something to see; return that.

        Only for what is exported in the background: a flush needs no waiting.

        Args:
            look: Returns something true once it is there, such as a non-empty list of spans.
            timeout: Seconds.

        Raises:
            TimeoutError: If it has not come by then.
        """
        return _poll(lambda: look(self), timeout, "what the test waits for has not arrived")

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
        line = _poll(lambda: self._read_until(key), _PATIENCE_SECONDS, complaint)
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


def _poll(look: Callable[[], Seen | None], timeout: float, complaint: str) -> Seen:
    end = time.monotonic() + timeout
    while not (seen := look()):
        if time.monotonic() > end:
            raise TimeoutError(f"{complaint} (after {timeout} s)")
        time.sleep(_POLL_SECONDS)
    return seen
