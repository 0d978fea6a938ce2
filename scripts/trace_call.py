"""Count the perfkit modules and functions that a call enters, for several kinds of calls.

usage: python scripts/trace_call.py [--list] [--markdown] [JOURNEY...]

Each journey runs in a process of its own, is warmed up, and is then traced with `sys.setprofile`.
Only calls of Python functions in the perfkit package count, without comprehensions and bodies of
modules and classes. A generator counts each time it is resumed. Calls that repeat are traced 200
times, and the most frequent number is printed.

With background delivery the delivery thread is traced too, from the measured call until the sink
has emitted and `flush_sinks` has returned. The functions that it entered before count as modules
and not as calls.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

import perfkit

PACKAGE: Final = str(Path(perfkit.__file__).parent)
TIMES: Final = 200
WARM_UP: Final = 2_000
OPTIMIZED: Final = 1  # the flag of code that belongs to a function
NESTED: Final = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}

Row = dict[str, Any]


class Trace:
    """The perfkit functions that one thread enters, in order."""

    def __init__(self) -> None:
        self.calls = 0
        self.modules: dict[str, None] = {}
        self.imported: dict[str, None] = {}

    def enter(self, frame: FrameType) -> None:
        """Count the function of `frame`, if it is in perfkit."""
        code = frame.f_code
        module = module_of(code)
        if module is None:
            return
        if code.co_name == "<module>":
            self.imported[module] = None
        elif code.co_flags & OPTIMIZED and code.co_name not in NESTED:
            self.calls += 1
            self.modules[module] = None

    def add_callers(self, frame: FrameType | None) -> None:
        """Add the modules of `frame` and its callers, outermost first, without counting calls."""
        if frame is not None:
            self.add_callers(frame.f_back)
            if module := module_of(frame.f_code):
                self.modules[module] = None

    def row(self, journey: str) -> Row:
        """Return the numbers as a row of the table."""
        return {
            "journey": journey,
            "calls": self.calls,
            "modules": list(self.modules),
            "imported": list(self.imported),
        }


class Threads:
    """Traces of all threads that are started after `install`, while `on` is true."""

    def __init__(self) -> None:
        self.on = False
        self.traces: dict[int, Trace] = {}

    def install(self) -> None:
        """Trace the threads that start from now on."""
        threading.setprofile(self._profile)

    def _profile(self, frame: FrameType, event: str, _argument: object) -> None:
        if not self.on or event != "call":
            return
        thread = threading.get_ident()
        if thread not in self.traces:
            self.traces[thread] = Trace()
            self.traces[thread].add_callers(frame.f_back)
        self.traces[thread].enter(frame)


class LogRecords(logging.Handler):
    """The thread and the message of each record of the log sink."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Store the message with its thread."""
        self.records.append((threading.get_ident(), record.getMessage()))


def module_of(code: CodeType) -> str | None:
    """Return the dotted name of the perfkit module of `code`, or None."""
    if not code.co_filename.startswith(PACKAGE):
        return None
    name = Path(code.co_filename).relative_to(PACKAGE).with_suffix("")
    return ".".join(part for part in ("perfkit", *name.parts) if part != "__init__")


def traced(function: Callable[..., object], *arguments: object) -> Trace:
    """Call `function` and return the trace of this thread."""
    trace = Trace()

    def profile(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            trace.enter(frame)

    sys.setprofile(profile)
    try:
        function(*arguments)
    finally:
        sys.setprofile(None)
    return trace


def most_frequent(function: Callable[[], object]) -> Trace:
    """Warm up `function`, trace it `TIMES` times and return the most frequent trace."""
    for _ in range(WARM_UP):
        function()
    traces = [traced(function) for _ in range(TIMES)]
    count, _ = Counter(trace.calls for trace in traces).most_common(1)[0]
    return next(trace for trace in traces if trace.calls == count)


def steady() -> list[Row]:
    """Trace a call within its limits, with no OpenTelemetry provider set."""
    perfkit.configure(perfkit.Catalog())
    return [most_frequent(_within_limits()).row("a. steady, no provider")]


def with_tracer_provider() -> list[Row]:
    """Trace a call within its limits, with a tracer provider and no meter provider."""
    from opentelemetry import trace  # noqa: PLC0415 - the other journeys do not need it
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - the other journeys do not need it

    trace.set_tracer_provider(TracerProvider())
    perfkit.configure(perfkit.Catalog())
    return [most_frequent(_within_limits()).row("b. tracer provider only")]


def violated_inline() -> list[Row]:
    """Trace a violated call that writes to the log in its own thread."""
    trace, _, _ = _violated("inline")
    return [trace.row("c. violated to the log, inline")]


def violated_in_background() -> list[Row]:
    """Trace a violated call and the thread that writes it to the log."""
    trace, threads, thread = _violated("background")
    delivery = threads.traces.get(thread, Trace())
    both = Trace()
    both.calls = trace.calls + delivery.calls
    both.modules = {**trace.modules, **delivery.modules}
    return [
        trace.row("c. violated to the log, background: calling thread"),
        delivery.row("c. violated to the log, background: delivery thread"),
        both.row("c. violated to the log, background: both"),
    ]


def probed() -> list[Row]:
    """Trace a call with two probes and an observer."""

    class Observation:
        def __getattr__(self, _name: str) -> Callable[..., None]:
            return lambda *_arguments, **_options: None

    class Observer:
        def start(self, *_arguments: object) -> Observation:
            return Observation()

    @perfkit.timed(cpu_time="60s", memory_peak="1GB", threshold="60s")
    def work() -> None:
        pass

    perfkit.configure(perfkit.Catalog(), sinks=["log"], observers=[Observer()], max_overhead="100%")
    return [most_frequent(work).row("d. memory_peak, cpu_time and an observer")]


def loading() -> list[Row]:
    """Trace `configure` with a file that has one webhook table, the first time and the second."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "perfkit.toml")
        path.write_text('[sinks.chat]\ntype = "webhook"\nurl = "https://chat.example.org/hook"\n')
        cold = traced(perfkit.configure, path)
        warm = traced(perfkit.configure, path)
    return [cold.row("e. one webhook table, cold"), warm.row("e. one webhook table, warm")]


JOURNEYS: Final[dict[str, Callable[[], list[Row]]]] = {
    "steady": steady,
    "tracer": with_tracer_provider,
    "inline": violated_inline,
    "background": violated_in_background,
    "probed": probed,
    "load": loading,
}


def _within_limits() -> Callable[[], None]:
    @perfkit.timed(threshold="60s")
    def work() -> None:
        pass

    return work


def _violated(delivery: Any) -> tuple[Trace, Threads, int]:
    """Return the trace of a violated call, those of other threads, and the thread that logged."""
    threads = Threads()
    threads.install()
    log_records = LogRecords()
    logging.getLogger().addHandler(log_records)
    perfkit.configure(perfkit.Catalog(), sinks=["log"], delivery=delivery)

    @perfkit.timed("warm_up", threshold="10ms")
    def warm_up(seconds: float) -> None:
        time.sleep(seconds)

    @perfkit.timed("traced", threshold="10ms")
    def work(seconds: float) -> None:
        time.sleep(seconds)

    for function in (warm_up, work):
        for _ in range(50):
            function(0)
    warm_up(0.02)
    perfkit.flush_sinks(5)
    threads.on = True
    trace = traced(work, 0.02)
    perfkit.flush_sinks(5)
    threads.on = False
    [thread] = {thread for thread, message in log_records.records if "traced" in message}
    return trace, threads, thread


def main(arguments: list[str]) -> int:
    """Run the journeys and print the table."""
    parser = argparse.ArgumentParser(description="Count the modules that a call enters.")
    parser.add_argument("journeys", nargs="*", metavar="JOURNEY", help=", ".join(JOURNEYS))
    parser.add_argument("--list", action="store_true", help="list the modules in order of entry")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    parser.add_argument("--json", action="store_true", help="run here and print JSON")
    options = parser.parse_args(arguments)
    if unknown := set(options.journeys) - set(JOURNEYS):
        parser.error(f"unknown journey: {', '.join(sorted(unknown))}")
    chosen = options.journeys or list(JOURNEYS)
    if options.json:
        print(json.dumps([row for name in chosen for row in JOURNEYS[name]()]))
        return 0
    rows = [row for name in chosen for row in _run(name)]
    print_table(rows, markdown=options.markdown)
    if options.list:
        for row in rows:
            print("", row["journey"], *(f"  {name}" for name in row["modules"]), sep="\n")
    return 0


def print_table(rows: list[Row], *, markdown: bool) -> None:
    """Print a line for each journey."""
    head = ("journey", "calls", "modules", "imported")
    cells = [
        (row["journey"], str(row["calls"]), str(len(row["modules"])), str(len(row["imported"])))
        for row in rows
    ]
    if markdown:
        print("|", " | ".join(head), "|\n|---|---:|---:|---:|")
        for line in cells:
            print("|", " | ".join(line), "|")
        return
    for name, *numbers in (head, *cells):
        print(f"{name:54}", *(f"{number:>8}" for number in numbers))


def _run(journey: str) -> list[Row]:
    done = subprocess.run(
        [sys.executable, __file__, "--json", journey], check=True, stdout=subprocess.PIPE, text=True
    )
    rows: list[Row] = json.loads(done.stdout)
    return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
