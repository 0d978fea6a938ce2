"""Run the service for a few seconds under its budgets, and show how it did."""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import Factory, asdict, define, frozen
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

import perfkit
from perfkit import Violation
from perfkit.catalog import load_catalog
from perfkit.sinks import JsonLinesSink
from voice_service import alerts
from voice_service.cache import CacheFigures, TextCache
from voice_service.clients import move_in
from voice_service.figures import Collector, Row, duration_limit
from voice_service.hearing import Recognizer
from voice_service.operations import CACHE, DATABASE, VOICE
from voice_service.report import show_violations, table_of
from voice_service.service import VoiceService
from voice_service.slowdown import slow_down
from voice_service.speech import warm_up
from voice_service.store import Store
from voice_service.telemetry import otlp_endpoint, reporting
from voice_service.workload import Spoken, count_sentences, live

CATALOG: Final = Path(__file__).with_name("perfkit.toml")
_CACHE_BYTES: Final = 2_500
"""Room for about three transcripts: so little that the demo has to evict."""

_CACHE_SECONDS: Final = 60.0
_LONGEST_FLUSH_SECONDS: Final = 10.0


@frozen
class Files:
    """What a run leaves behind."""

    folder: Path

    @property
    def spans(self) -> Path:
        """One span a line, as JSON."""
        return self.folder / "spans.jsonl"

    @property
    def violations(self) -> Path:
        """One violation a line, as JSON."""
        return self.folder / "violations.jsonl"

    @property
    def log(self) -> Path:
        """The log."""
        return self.folder / "service.log"

    def clear(self) -> None:
        """Make the folder, and empty the files that an earlier run left; raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in (self.spans, self.violations, self.log):
            path.write_bytes(b"")


@define
class Run:
    """What one run showed."""

    collector: Collector = Factory(Collector)
    violations: list[Violation] = Factory(list)
    spoken: list[Spoken] = Factory(list)
    cache: TextCache = Factory(lambda: TextCache(_CACHE_BYTES, _CACHE_SECONDS))


def run_demo(
    files: Files,
    *,
    slow: Mapping[str, float] | None = None,
    as_json: bool = False,
    alertmanager: str = "",
) -> None:
    """Run the service, and print how its operations did.

    Args:
        files: Where spans, violations and the log go.
        slow: Seconds by which to slow operations down on purpose, by their names.
        as_json: Print the rows as a JSON array and nothing else.
        alertmanager: Where an Alertmanager is that is to show the violations; then the service
            works on without the slow-down, to see them end.
    """
    run, catalog = Run(), load_catalog(CATALOG)
    slow_down(slow or {})
    sinks: list[Any] = ["log", "otel", JsonLinesSink(files.violations), run.violations.append]
    if alertmanager:
        sinks.append(alerts.alert_sink(alertmanager))
    with _logging_to(files.log), reporting(files.spans) as telemetry:
        perfkit.configure(catalog, sinks=sinks, telemetry=telemetry, observers=[run.collector])
        try:
            _work(run)
            perfkit.flush_sinks(_LONGEST_FLUSH_SECONDS)
            groups = _rows(run, catalog)
            shown = _mend(alertmanager) if alertmanager else ""
        finally:
            perfkit.reset()
            slow_down({})
    if as_json:
        print(json.dumps([asdict(row) for rows in groups for row in rows], indent=2))
    else:
        _show(Console(highlight=False, markup=False), groups, run, files, shown)


def _rows(run: Run, catalog: perfkit.Catalog) -> list[list[Row]]:
    return [
        [run.collector.row(name, duration_limit(catalog, name)) for name in names]
        for names in (VOICE, DATABASE, CACHE)
    ]


def _mend(alertmanager: str) -> str:
    """Let the service work on without the slow-down; return what Alertmanager showed."""
    try:
        before = alerts.firing(alertmanager)
        slow_down({})
        if before:
            _work(Run())
            perfkit.flush_sinks(_LONGEST_FLUSH_SECONDS)
        after = alerts.wait_until_over(alertmanager)
    except alerts.Unreachable as error:
        return f"Alertmanager at {alertmanager} cannot be asked: {error}"
    return alerts.told(alertmanager, before, after)


def _work(run: Run) -> None:
    """Start the service with an empty database, and let its clients come."""
    with tempfile.TemporaryDirectory() as folder, _progress() as progress:
        bar = progress.add_task("starting up", total=count_sentences())
        with closing(Store(Path(folder, "service.db"))) as store:
            move_in(store)
            warm_up()
            service = VoiceService(store, run.cache, Recognizer())
            asyncio.run(_follow(run, live(service, store), progress, bar))


async def _follow(
    run: Run, sentences: AsyncIterator[Spoken], progress: Progress, bar: TaskID
) -> None:
    async for spoken in sentences:
        run.spoken.append(spoken)
        progress.update(bar, advance=1, description=f"{spoken.client}: {spoken.said}")


def _progress() -> Progress:
    """Return a bar on stderr, which only shows where somebody can see it."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description:36}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _show(
    console: Console, groups: Sequence[Sequence[Row]], run: Run, files: Files, alerted: str
) -> None:
    console.print(table_of(groups), "")
    console.print(_hearing(run.spoken), _caching(run.cache.figures), sep="\n")
    console.print()
    show_violations(console, run.violations)
    console.print()
    if alerted:
        console.print(alerted, "", sep="\n")
    spans = otlp_endpoint() or files.spans
    for what, where in (("spans", spans), ("violations", files.violations), ("log", files.log)):
        console.print(f"{what:10}  {where}", soft_wrap=True)


def _hearing(spoken: Sequence[Spoken]) -> str:
    said, heard = sum(s.words_said for s in spoken), sum(s.words_heard for s in spoken)
    seconds = sum(s.answer.seconds_heard for s in spoken) / len(spoken)
    early = "" if len(spoken) == count_sentences() else "\nEnded early: something was very slow."
    return (
        f"Heard {heard} of {said} spoken words correctly ({heard / said:.1%}), "
        f"in {len(spoken)} sentences of {seconds:.1f} s.{early}"
    )


def _caching(cache: CacheFigures) -> str:
    return (
        f"The cache had {cache.hit_ratio:.0%} of what was asked for, and packed "
        f"{cache.bytes_in / 1000:.0f} kB into {cache.bytes_kept / 1000:.0f} kB "
        f"in {cache.compression_seconds * 1000:.0f} ms."
    )


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """Write what perfkit logs to a file, and keep it off the screen."""
    logger, handler = logging.getLogger("perfkit"), logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.propagate = True
        logger.removeHandler(handler)
        handler.close()
