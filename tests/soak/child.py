"""A child that is forked in the middle of the soak, makes calls of its own, and ends well."""

from __future__ import annotations

import faulthandler
import os
import random
import traceback
from pathlib import Path
from typing import Final

from perfkit import Metric
from perfkit.runtime import window_registry
from tests.soak.backend import Backend
from tests.soak.load import Load

_LONGEST_SECONDS: Final = 60
_CALLED: Final = ("light", "windowed", "counted", "promised", "cut", "explained")


def run_in_child(load: Load, backend: Backend, folder: Path) -> str:
    """Fork, and return what is wrong with the child; empty if nothing is, or nothing can be forked.

    The child keeps away from budgets that record through instruments: another thread may have held
    a lock of the OpenTelemetry SDK.
    """
    if not hasattr(os, "fork"):
        return ""
    said = folder / "child.txt"
    child = os.fork()
    if child == 0:
        _be_the_child(load, backend, said)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return f"the child ended with {status}: {said.read_text()}" if status else ""


def _be_the_child(load: Load, backend: Backend, said: Path) -> None:
    with said.open("w") as file:
        faulthandler.dump_traceback_later(_LONGEST_SECONDS, exit=True, file=file)
        try:
            problems = _make_calls(load, backend)
            file.write("\n".join(problems))
        except BaseException:  # noqa: BLE001 - the parent is to hear of anything
            problems = [traceback.format_exc()]
            file.write(problems[0])
        file.flush()
        os._exit(bool(problems))


def _make_calls(load: Load, backend: Backend) -> list[str]:
    """Make some calls, and return where the figures differ from them."""
    book = load.book
    book.after_fork_in_child()
    rng = random.Random(1)  # noqa: S311 - nothing secret
    for _ in range(200):
        for name in _CALLED:
            load.call(name, load.functions[name], rng)
        load.count_hits(rng)
    counted = backend.counted_durations()
    problems = [
        f"{name}: {counted[name]} durations of {book.of(name)} calls"
        for name in _CALLED[:4]
        if counted[name] != book.of(name)
    ]
    tries = _tries()
    if tries != book.tries.total():
        problems.append(f"hits: {tries} tries of {book.tries.total()}")
    return problems


def _tries() -> int:
    """Return how many tries the windows have; asked for directly, without a word to the SDK."""
    return sum(
        verdict.samples
        for windows in window_registry._registry.in_force()
        for verdict in windows.verdicts()
        if verdict.limit.metric is Metric.HIT_RATIO
    )
