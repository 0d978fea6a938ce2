"""Programs of their own for the tests, as an application would be."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Final

import pytest

from tests.processes import environment

ROOT: Final = Path(__file__).parents[2]
_HUNG_SECONDS: Final = 60.0

_BEGIN = """
import asyncio, json, logging, multiprocessing, os, signal, sys, threading, time
import perfkit
from tests.faults.sinks import Fault, Forking, Hearing, Raising, Recursing, Sleeping
from tests.receivers.webhook import closed_port
from perfkit.sinks.builtin.webhook import WebhookSink

def configure(*sinks):
    perfkit.configure(perfkit.Catalog(), sinks=list(sinks), delivery="background", spans="never",
                      unknown_budgets="ignore")

def break_budgets(calls):
    for _ in range(calls):
        with perfkit.budget("broken", duration="0s"):
            pass

def accounts():
    return {
        each.sink: [each.raised, each.delivered, each.suppressed, each.dropped, each.waiting]
        for each in perfkit.sink_stats()
    }

def work_once():
    # A child that is forked while another thread imports a module cannot import that one, in any
    # program. So all is loaded first: each sink but the sleeping one delivers or fails once.
    break_budgets(1)
    while any(waiting for sink, (*_, waiting) in accounts().items() if sink != "Sleeping"):
        time.sleep(0.01)

def tell(thing):
    print(json.dumps(thing), flush=True)

def dead():
    return [Sleeping(), WebhookSink(f"http://127.0.0.1:{closed_port()}/")]
"""


def start(program: str) -> subprocess.Popen[str]:
    """Start a program that has the names of `_BEGIN`; end it, or wait for it with `Ended`."""
    return subprocess.Popen(
        [sys.executable, "-Wignore::DeprecationWarning", "-c", whole(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
        env=environment(),
    )


def whole(program: str) -> str:
    """Return the text of a program, with all names of `_BEGIN`."""
    return f"{_BEGIN}\n{textwrap.dedent(program)}"


class Ended:
    """How a program ended."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        try:
            self.said, self.errors = process.communicate(timeout=_HUNG_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # its children hold the pipes too
            self.said, self.errors = process.communicate()
            pytest.fail(f"it hangs: {self.said}\n{self.errors}")
        self.code = process.returncode

    @property
    def told(self) -> list[Any]:
        return [json.loads(line) for line in self.said.splitlines()]


def run(program: str) -> Ended:
    """Run a program to its end."""
    return Ended(start(program))


def assert_quiet(ended: Ended) -> None:
    """Nothing but perfkit's own lines of what was lost is on standard error."""
    lines = [line for line in ended.errors.splitlines() if not line.startswith("perfkit: ")]
    assert lines == []
