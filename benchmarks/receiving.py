"""Run webhook receivers in a process of their own: a healthy one, and one for each fault.

``python -m benchmarks.receiving FOLDER`` prints their addresses as JSON, and serves until its input
ends.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests.receivers.certificates import make_certificate
from tests.receivers.webhook import (
    Behaviour,
    WebhookReceiver,
    answer,
    closed_port,
    never,
    reset,
    trickle_body,
    trickle_headers,
)

from benchmarks.processes import ROOT, WorkerError, environment

BEHAVIOURS: Final[Mapping[str, Behaviour]] = {
    "well": answer(),
    "slow": trickle_headers(1.0),
    "slow_body": trickle_body(200, 1.0),
    "error": answer(500),
    "too_many": answer(429, {"Retry-After": "1"}),
    "too_large": answer(413),
    "reset": reset(b"HTTP/1.1 200 OK\r\nContent-"),
    "silent": never(),
}
"""The behaviour of each receiver, by the name of its address."""


@contextmanager
def receivers(folder: Path) -> Iterator[Mapping[str, str]]:
    """Run the receivers; yield their addresses by name, with ``down`` and ``untrusted``.

    Raises:
        WorkerError: If they cannot be started.
    """
    command = [sys.executable, "-m", "benchmarks.receiving", str(folder)]
    with subprocess.Popen(  # noqa: S603 - our own module
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment(),
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        line = process.stdout.readline()
        if not line:
            raise WorkerError("the receivers cannot be started")
        try:
            yield json.loads(line)
        finally:
            process.kill()


def main(folder: str) -> None:
    """Serve until the input ends."""
    with ExitStack() as stack:
        addresses = {}
        for name, behaviour in BEHAVIOURS.items():
            receiver = stack.enter_context(WebhookReceiver())
            receiver.always(behaviour)
            addresses[name] = receiver.url
        untrusted = stack.enter_context(WebhookReceiver(make_certificate(Path(folder))))
        addresses |= {
            "untrusted": untrusted.url,
            "down": f"http://127.0.0.1:{closed_port()}/hook",
        }
        sys.stdout.write(f"{json.dumps(addresses)}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
