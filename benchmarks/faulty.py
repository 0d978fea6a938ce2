"""Time calls that violate a budget, with healthy sinks, with faulty sinks or without perfkit.

``python -m benchmarks.faulty KIND CALLS FOLDER ADDRESSES`` writes JSON to standard output: a line
for the warm-up, then a line for each line that it reads.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.faults import sinks as internal_errors

import perfkit
from perfkit import Violation

KINDS: Final = ("healthy", "faulty", "bare")
PAUSE_SECONDS: Final = 0.005
"""The pause between two violated calls: two hundred violations per second."""
_EXHAUSTED_SECONDS: Final = 0.05
"""The time without a free descriptor: short, because the other faults need descriptors."""
_MAX_FILES: Final = 1024
_BARE_NUMBERS: Final = 3000
"""The amount of work in a bare call: about that of a call with all sinks."""

_CATALOG: Final = """
[sinks.lines]
type = "jsonl"
path = "{lines}"

[sinks.more_lines]
type = "jsonl"
path = "{more_lines}"

[sinks.removed_lines]
type = "jsonl"
path = "{folder}/removed.jsonl"

[sinks.alertmanager]
url = "{alertmanager}"
type = "alertmanager"
"""
_WEBHOOK: Final = """
[sinks.webhook_{name}]
type = "webhook"
url = "{url}"
"""
WEBHOOKS: Final = (
    "slow",
    "slow_body",
    "error",
    "too_many",
    "too_large",
    "reset",
    "untrusted",
    "down",
)
"""The faults of a backend. A healthy process posts to as many healthy receivers."""


class _Counting:
    """Counts the violations that it receives."""

    def __init__(self) -> None:
        self.received = 0

    def emit(self, _: Violation) -> None:
        self.received += 1


class _Removing:
    """Removes a file at each violation."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def emit(self, _: Violation) -> None:
        self._path.unlink(missing_ok=True)


def _faulty_sinks(folder: Path) -> list[Any]:
    return [
        internal_errors.Raising(),
        internal_errors.Sleeping(),
        internal_errors.ReturningGarbage(),
        internal_errors.Recursing(),
        internal_errors.LoggingUnderTheLock(),
        internal_errors.Exhausting(_EXHAUSTED_SECONDS),
        internal_errors.EndingItsThread(),
        _Removing(folder / "removed.jsonl"),
    ]


def configure(kind: str, folder: Path, addresses: Mapping[str, str]) -> None:
    """Configure perfkit with the same number of sinks of the same types, healthy or faulty."""
    is_faulty = kind == "faulty"
    text = _CATALOG.format(
        folder=folder,
        lines=folder / "perfkit.toml" / "lines.jsonl" if is_faulty else folder / "lines.jsonl",
        more_lines="/proc/nothing/lines" if is_faulty else folder / "more.jsonl",
        alertmanager=addresses["silent" if is_faulty else "well"].removesuffix("/hook"),
    )
    for name in WEBHOOKS:
        text += _WEBHOOK.format(name=name, url=addresses[name if is_faulty else "well"])
    (folder / "perfkit.toml").write_text(text)
    handler = logging.FileHandler("/dev/full" if is_faulty else folder / "log.txt")
    logging.getLogger("perfkit.violations").addHandler(handler)
    own = _faulty_sinks(folder) if is_faulty else []
    if is_faulty:
        resource.setrlimit(resource.RLIMIT_NOFILE, (_MAX_FILES, _MAX_FILES))
    while len(own) < len(_faulty_sinks(folder)):
        own.append(_Counting())
    declared = ["lines", "more_lines", "removed_lines", "alertmanager"]
    perfkit.configure(
        folder / "perfkit.toml",
        sinks=["log", *declared, *(f"webhook_{name}" for name in WEBHOOKS), *own],
        spans="never",
        delivery="background",
        unknown_budgets="ignore",
    )


@perfkit.timed("met", threshold="1h")
def met() -> None:
    """Do nothing, within the budget."""


@perfkit.timed("violated", threshold="0s")
def violated() -> None:
    """Do nothing, and violate the budget."""


def _bare() -> None:
    sum(number * number for number in range(_BARE_NUMBERS))


def measure(calls: int, meet: Callable[[], None], violate: Callable[[], None]) -> dict[str, Any]:
    """Return the durations of calls that met and that violated their budget, in nanoseconds."""
    now, sleep = time.perf_counter_ns, time.sleep
    met_ns, violated_ns = [], []
    gc.collect()
    for _ in range(calls):
        sleep(PAUSE_SECONDS / 2)
        start = now()
        meet()
        met_ns.append(now() - start)
        sleep(PAUSE_SECONDS / 2)
        start = now()
        violate()
        violated_ns.append(now() - start)
    return {"met_ns": met_ns, "violated_ns": violated_ns}


def main(kind: str, calls: str, folder: str, addresses: str) -> None:
    """Measure a round for each line of the input, until it ends."""
    if kind == "bare":
        meet = violate = _bare
    else:
        meet, violate = met, violated
        configure(kind, Path(folder), json.loads(addresses))
    with os.fdopen(os.dup(1), "w") as output:
        os.dup2(2, 1)
        for measured in _rounds(int(calls), meet, violate):
            output.write(f"{json.dumps(measured)}\n")
            output.flush()
    os._exit(0)  # do not wait for the sinks


def _rounds(
    calls: int, meet: Callable[[], None], violate: Callable[[], None]
) -> Iterator[Mapping[str, Any]]:
    yield measure(min(calls, 200), meet, violate)
    gc.collect()
    # A full collection takes 18 ms here, in whichever thread allocates at that moment.
    gc.freeze()
    for _ in sys.stdin:
        yield measure(calls, meet, violate)


if __name__ == "__main__":
    main(*sys.argv[1:])
