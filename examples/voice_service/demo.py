"""Run the service for a few seconds under its budgets, and print the results."""

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
from voice_service.cache import CacheStats, TextCache
from voice_service.call_stats import Collector, Row, duration_limit
from voice_service.clients import register_clients
from voice_service.operations import CACHE, DATABASE, VOICE
from voice_service.recognition import Recognizer
from voice_service.report import show_violations, table_of
from voice_service.service import VoiceService
from voice_service.slowdown import slow_down
from voice_service.speech import warm_up
from voice_service.store import Store
from voice_service.telemetry import otlp_endpoint, reporting
from voice_service.workload import Utterance, count_sentences, run_visits

CATALOG: Final = Path(__file__).with_name("perfkit.toml")
_CACHE_BYTES: Final = 2_500
"""The size of about three transcripts, so that the demo has evictions."""

_CACHE_SECONDS: Final = 60.0
_MAX_FLUSH_SECONDS: Final = 10.0


@frozen
class Files:
    """The output files of a run."""

    folder: Path

    @property
    def spans(self) -> Path:
        """One span per line, as JSON."""
        return self.folder / "spans.jsonl"

    @property
    def violations(self) -> Path:
        """One violation per line, as JSON."""
        return self.folder / "violations.jsonl"

    @property
    def log(self) -> Path:
        """The log."""
        return self.folder / "service.log"

    def clear(self) -> None:
        """Create the folder, and empty the files of an earlier run; raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in (self.spans, self.violations, self.log):
            path.write_bytes(b"")


@define
class Run:
    """The collected data of one run."""

    collector: Collector = Factory(Collector)
    violations: list[Violation] = Factory(list)
    utterances: list[Utterance] = Factory(list)
    cache: TextCache = Factory(lambda: TextCache(_CACHE_BYTES, _CACHE_SECONDS))


def run_demo(
    files: Files,
    *,
    slow: Mapping[str, float] | None = None,
    as_json: bool = False,
    alertmanager: str = "",
) -> None:
    """Run the service, and print a summary of each operation.

    Args:
        files: The files for spans, violations and the log.
        slow: The delay to add to each call of an operation, in seconds, by its name.
        as_json: Whether to print only the rows, as a JSON array.
        alertmanager: The URL of an Alertmanager to send violations to. The service then continues
            without the delays, so that the alerts resolve.
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
            perfkit.flush_sinks(_MAX_FLUSH_SECONDS)
            groups = _rows(run, catalog)
            alert_text = _resolve_alerts(alertmanager) if alertmanager else ""
        finally:
            perfkit.reset()
            slow_down({})
    if as_json:
        print(json.dumps([asdict(row) for rows in groups for row in rows], indent=2))
    else:
        _show(Console(highlight=False, markup=False), groups, run, files, alert_text)


def _rows(run: Run, catalog: perfkit.Catalog) -> list[list[Row]]:
    return [
        [run.collector.row(name, duration_limit(catalog, name)) for name in names]
        for names in (VOICE, DATABASE, CACHE)
    ]


def _resolve_alerts(alertmanager: str) -> str:
    """Continue without the delays until the alerts resolve; return a summary of the alerts."""
    try:
        before = alerts.firing_alerts(alertmanager)
        slow_down({})
        if before:
            _work(Run())
            perfkit.flush_sinks(_MAX_FLUSH_SECONDS)
        after = alerts.wait_until_resolved(alertmanager)
    except alerts.REQUEST_ERRORS as error:
        return f"Alertmanager at {alertmanager} cannot be reached: {error}"
    return alerts.format_alerts(alertmanager, before, after)


def _work(run: Run) -> None:
    """Start the service with an empty database, and run the visits of its clients."""
    with tempfile.TemporaryDirectory() as folder, _progress() as progress:
        bar = progress.add_task("starting up", total=count_sentences())
        with closing(Store(Path(folder, "service.db"))) as store:
            register_clients(store)
            warm_up()
            service = VoiceService(store, run.cache, Recognizer())
            asyncio.run(_collect(run, run_visits(service, store), progress, bar))


async def _collect(
    run: Run, utterances: AsyncIterator[Utterance], progress: Progress, bar: TaskID
) -> None:
    async for utterance in utterances:
        run.utterances.append(utterance)
        progress.update(bar, advance=1, description=f"{utterance.client}: {utterance.text}")


def _progress() -> Progress:
    """Return a progress bar on stderr, which is hidden if that is not a terminal."""
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
    console: Console, groups: Sequence[Sequence[Row]], run: Run, files: Files, alert_text: str
) -> None:
    console.print(table_of(groups), "")
    console.print(_recognition_summary(run.utterances), _cache_summary(run.cache.stats), sep="\n")
    console.print()
    show_violations(console, run.violations)
    console.print()
    if alert_text:
        console.print(alert_text, "", sep="\n")
    spans = otlp_endpoint() or files.spans
    for kind, place in (("spans", spans), ("violations", files.violations), ("log", files.log)):
        console.print(f"{kind:10}  {place}", soft_wrap=True)


def _recognition_summary(utterances: Sequence[Utterance]) -> str:
    spoken = sum(utterance.words_spoken for utterance in utterances)
    recognized = sum(utterance.words_recognized for utterance in utterances)
    count = len(utterances)
    seconds = sum(utterance.answer.speech_seconds for utterance in utterances) / count
    early = "" if count == count_sentences() else "\nEnded early: an operation was very slow."
    return (
        f"Recognised {recognized} of {spoken} spoken words correctly ({recognized / spoken:.1%}), "
        f"in {count} sentences of {seconds:.1f} s.{early}"
    )


def _cache_summary(cache: CacheStats) -> str:
    return (
        f"The hit ratio of the cache was {cache.hit_ratio:.0%}. It compressed "
        f"{cache.bytes_in / 1000:.0f} kB to {cache.bytes_kept / 1000:.0f} kB "
        f"in {cache.compression_seconds * 1000:.0f} ms."
    )


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """Write the log records of perfkit to a file only."""
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
