"""Break a budget over and over and time each call: with good sinks, faulty ones, or no perfkit.

``python -m benchmarks.faulty KIND CALLS FOLDER ADDRESSES`` answers on standard output in JSON: a
line when it is ready, then one for each line it reads.
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
"""Between two calls that break their budget: two hundred violations a second."""
_EXHAUSTED_SECONDS: Final = 0.05
"""For how long no descriptor is to be had, again and again: the other faults are to have theirs."""
_MOST_FILES: Final = 1024
_BARE_NUMBERS: Final = 3000
"""The work of a bare call: about as much as that of a call with all sinks."""

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
"""The faults of a backend; a healthy process posts to as many that behave."""


class _Hearing:
    """Counts what it gets."""

    def __init__(self) -> None:
        self.heard = 0

    def emit(self, _: Violation) -> None:
        self.heard += 1


class _Removing:
    """Removes a file, at once and again and again."""

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
        internal_errors.Forking(),
        internal_errors.LoggingUnderTheLock(),
        internal_errors.Exhausting(_EXHAUSTED_SECONDS),
        internal_errors.EndingItsThread(),
        _Removing(folder / "removed.jsonl"),
    ]


def configure(kind: str, folder: Path, addresses: Mapping[str, str]) -> None:
    """Give perfkit as many sinks of the same types, good ones or faulty ones."""
    is_faulty = kind == "faulty"
    text = _CATALOG.format(
        folder=folder,
        lines="/dev/full" if is_faulty else folder / "lines.jsonl",
        more_lines="/proc/nothing/lines" if is_faulty else folder / "more.jsonl",
        alertmanager=addresses["silent" if is_faulty else "well"].removesuffix("/hook"),
    )
    for name in WEBHOOKS:
        text += _WEBHOOK.format(name=name, url=addresses[name if is_faulty else "well"])
    (folder / "perfkit.toml").write_text(text)
    handler = logging.FileHandler("/dev/full" if is_faulty else folder / "log.txt")
    logging.getLogger("perfkit.violations").addHandler(handler)
    made = _faulty_sinks(folder) if is_faulty else []
    if is_faulty:
        resource.setrlimit(resource.RLIMIT_NOFILE, (_MOST_FILES, _MOST_FILES))
    while len(made) < len(_faulty_sinks(folder)):
        made.append(_Hearing())
    declared = ["lines", "more_lines", "removed_lines", "alertmanager"]
    perfkit.configure(
        folder / "perfkit.toml",
        sinks=["log", *declared, *(f"webhook_{name}" for name in WEBHOOKS), *made],
        spans="never",
        delivery="background",
        unknown_budgets="ignore",
    )


@perfkit.timed("kept", threshold="1h")
def kept() -> None:
    """Do nothing, in time."""


@perfkit.timed("broken", threshold="0s")
def broken() -> None:
    """Do nothing, too late."""


def _bare() -> None:
    sum(number * number for number in range(_BARE_NUMBERS))


def measure(calls: int, keep: Callable[[], None], break_it: Callable[[], None]) -> dict[str, Any]:
    """Return how long calls took that kept their budget and that broke it, in nanoseconds."""
    now, sleep = time.perf_counter_ns, time.sleep
    kept_ns, broken_ns = [], []
    gc.collect()
    for _ in range(calls):
        sleep(PAUSE_SECONDS / 2)
        began = now()
        keep()
        kept_ns.append(now() - began)
        sleep(PAUSE_SECONDS / 2)
        began = now()
        break_it()
        broken_ns.append(now() - began)
    return {"kept_ns": kept_ns, "broken_ns": broken_ns}


def main(kind: str, calls: str, folder: str, addresses: str) -> None:
    """Serve rounds until the input ends."""
    if kind == "bare":
        keep = break_it = _bare
    else:
        keep, break_it = kept, broken
        configure(kind, Path(folder), json.loads(addresses))
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        for answer in _answers(int(calls), keep, break_it):
            answers.write(f"{json.dumps(answer)}\n")
            answers.flush()
    os._exit(0)  # the sinks may take as long as they want to


def _answers(
    calls: int, keep: Callable[[], None], break_it: Callable[[], None]
) -> Iterator[Mapping[str, Any]]:
    yield measure(min(calls, 200), keep, break_it)
    gc.collect()
    gc.freeze()  # a full collection takes 18 ms here, of whichever thread allocates then
    for _ in sys.stdin:
        yield measure(calls, keep, break_it)


if __name__ == "__main__":
    main(*sys.argv[1:])
