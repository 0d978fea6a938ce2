"""A real Prometheus Alertmanager on loopback.

    with Alertmanager(tmp_path) as alertmanager:
        ...                                   # post to alertmanager.url
        alertmanager.alerts()                 # those that fire

It can be stopped and started again at the same place and with what it knew, and can pass its
notifications on to a `WebhookReceiver`, to see what people would have been told.
"""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tests.receivers.closing import Closing, poll
from tests.receivers.webhook import closed_port

Seen = TypeVar("Seen")

_NAMES = ("prometheus-alertmanager", "alertmanager")
_PATIENCE_SECONDS = 30.0
_CONFIG = """
route:
  receiver: people
  group_by: ["..."]
  group_wait: {wait}
  group_interval: {wait}
  repeat_interval: 1h
receivers:
  - name: people
    webhook_configs: {targets}
"""


def find_alertmanager() -> str | None:
    """Return the path of Alertmanager's program; None where it is not installed."""
    return next((path for path in map(shutil.which, _NAMES) if path), None)


class Alertmanager(Closing):
    """Runs Alertmanager as a process of its own, from when it is made until it is closed.

    Args:
        folder: Where its configuration, its data and its log go.
        notify: Where it posts notifications, such as the url of a `WebhookReceiver`; None for
            nowhere.
        wait: How long it waits before it notifies of something new, as it writes times.

    Raises:
        RuntimeError: If it is not installed or ends at once; with what it said.
        TimeoutError: If it is not ready in time.
    """

    def __init__(self, folder: Path, *, notify: str | None = None, wait: str = "10ms") -> None:
        program = find_alertmanager()
        if program is None:
            raise RuntimeError("Alertmanager is not installed; ask find_alertmanager first")
        folder.mkdir(parents=True, exist_ok=True)
        self._program = program
        self._folder = folder
        self._log = folder / "log.txt"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = closed_port()
        """Where it listens, of loopback."""
        targets = [{"url": notify, "send_resolved": True}] if notify else []
        config = _CONFIG.format(wait=wait, targets=json.dumps(targets))
        (folder / "alertmanager.yml").write_text(config)
        self.start()

    @property
    def url(self) -> str:
        """What to configure a sink with."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, if it does not run, and wait until it is ready."""
        if self._process is not None:
            return
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._program,
                    f"--config.file={self._folder / 'alertmanager.yml'}",
                    f"--storage.path={self._folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--cluster.listen-address=",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            poll(self._is_ready, _PATIENCE_SECONDS, "Alertmanager is not ready")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it, if it runs; its silences and what it told whom are kept, its alerts are not."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    close = stop

    def alerts(self, **labels: str) -> list[dict[str, Any]]:
        """Return the alerts that fire now and have all of `labels`, as its API describes them."""
        _, body = self._get("/api/v2/alerts")
        return [each for each in json.loads(body) if labels.items() <= each["labels"].items()]

    def wait_for(self, look: Callable[[Alertmanager], Seen], timeout: float = 20.0) -> Seen:
        """Look until there is something to see; return that.

        Args:
            look: Returns something true once it is there.
            timeout: Seconds.

        Raises:
            TimeoutError: If it has not come by then.
        """
        return poll(lambda: look(self), timeout, "what the test waits for has not come")

    def _is_ready(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"Alertmanager ended:\n{self._log.read_text()}")
        try:
            status, _ = self._get("/-/ready")
        except OSError:
            return False
        return status == http.client.OK

    def _get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE_SECONDS)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()
