"""Evidence as files: each in the form of its tools, under a name that does no harm."""

from __future__ import annotations

import io
import json
import os
import pstats
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st

from perfkit import Severity, State, Violation
from perfkit.catalog import parse_limits
from perfkit.errors import ConfigurationError
from perfkit.model import Budget, CodeLocation, Evidence, Metric
from perfkit.probes.call_profile import CallProfileProbe
from perfkit.sinks.builtin.evidence_files import EvidenceFilesSink, save_evidence

AT_NS = 1_700_000_000_123_456_000
STACK = Evidence(kind="stack", detail={"app.load (app.py:1);app.query (db.py:20)": 17, "app.b": 3})
MEMORY = Evidence(
    kind="memory", summary="1 MB", rows=({"file": "app.py", "bytes": 1_000_000},), note="mixed"
)


def _violation(*evidence: Evidence, name: str = "load", at_ns: int = AT_NS) -> Violation:
    return Violation(
        budget=Budget(name=name),
        limit=parse_limits(Metric.DURATION, ("100ms", "300ms"))[0],
        value=0.4,
        state=State.VIOLATED,
        severity=Severity.WARNING,
        where=CodeLocation(function="app.load"),
        at_ns=at_ns,
        evidence=evidence,
    )


def _profile() -> Evidence:
    session = CallProfileProbe().open()
    session.resume()
    sorted(range(10))
    session.close()
    evidence: Evidence = session.evidence()[0]
    return evidence


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# -- save_evidence


def test_a_profile_is_a_file_that_pstats_loads(tmp_path: Path) -> None:
    path = save_evidence(_profile(), tmp_path, name="load")
    assert path == tmp_path / "load.pstats"
    stats = pstats.Stats(str(path), stream=io.StringIO())
    assert "<built-in method builtins.sorted>" in stats.get_stats_profile().func_profiles


def test_stacks_are_a_file_of_collapsed_lines(tmp_path: Path) -> None:
    path = save_evidence(STACK, tmp_path, name="load")
    assert path == tmp_path / "load.collapsed.txt"
    parsed = [line.rsplit(" ", 1) for line in path.read_text("utf-8").splitlines()]
    assert [(frames.split(";"), int(count)) for frames, count in parsed] == [
        (["app.load (app.py:1)", "app.query (db.py:20)"], 17),
        (["app.b"], 3),
    ]


def test_a_stack_is_one_harmless_line_whatever_its_functions_are_called(tmp_path: Path) -> None:
    stacks = {"app.load\n7;\x1b[31mRED\u2028\u202e": 17, "app.größe": 3, "lo\udcff": 1}
    path = save_evidence(Evidence(kind="stack", detail=stacks), tmp_path, name="load")
    assert path is not None
    assert path.read_bytes().decode().split("\n") == [
        "app.load\\n7;\\x1b[31mRED\\u2028\\u202e 17",
        "app.größe 3",
        "lo\\udcff 1",
        "",
    ]


@pytest.mark.parametrize("kind", ["memory", "children", "something"])
def test_rows_are_a_file_of_json(tmp_path: Path, kind: str) -> None:
    path = save_evidence(evolve(MEMORY, kind=kind), tmp_path, name="load")
    assert path == tmp_path / "load.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600  # it is for its owner only
    content = json.loads(path.read_text("utf-8"))
    assert content["rows"] == [{"file": "app.py", "bytes": 1_000_000}]
    assert (content["kind"], content["summary"], content["note"]) == (kind, "1 MB", "mixed")


@pytest.mark.parametrize("kind", ["cpu", "stack", "memory"])
def test_evidence_that_is_missing_makes_no_file(tmp_path: Path, kind: str) -> None:
    missing = Evidence(kind=kind, note="profiler_busy")
    assert save_evidence(missing, tmp_path, name="load") is None
    assert _names(tmp_path) == []


def test_a_file_is_never_replaced(tmp_path: Path) -> None:
    paths = [save_evidence(MEMORY, tmp_path, name="load") for _ in range(3)]
    assert [path.name for path in paths if path] == ["load.json", "load-2.json", "load-3.json"]
    assert _names(tmp_path) == ["load-2.json", "load-3.json", "load.json"]


def test_threads_that_save_at_once_get_a_file_each(tmp_path: Path) -> None:
    threads = [
        threading.Thread(target=save_evidence, args=(MEMORY, tmp_path), kwargs={"name": "load"})
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([json.loads(path.read_text()) for path in tmp_path.iterdir()]) == 8


@given(name=st.text(max_size=300))
@example(name="../../etc/passwd")
@example(name="..")
def test_no_name_leads_out_of_the_folder(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("evidence")
    path = save_evidence(MEMORY, folder, name=name)
    assert path is not None
    assert path.parent == folder
    assert path.name.isascii()
    assert not path.name.startswith(".")
    assert len(path.name) <= 160


# -- the sink


def test_a_file_is_named_after_budget_metric_kind_and_time(tmp_path: Path) -> None:
    EvidenceFilesSink(tmp_path / "new").emit(_violation(MEMORY, STACK))
    assert _names(tmp_path / "new") == [
        "load-duration-memory-20231114T221320.123456Z.json",
        "load-duration-stack-20231114T221320.123456Z.collapsed.txt",
    ]


def test_the_same_evidence_is_saved_once(tmp_path: Path) -> None:
    sink = EvidenceFilesSink(tmp_path)
    sink.emit(_violation(MEMORY))
    sink.emit(_violation(MEMORY, name="other"))
    assert len(_names(tmp_path)) == 1
    sink.emit(_violation(evolve(MEMORY)))
    assert len(_names(tmp_path)) == 2


def test_evidence_whose_file_failed_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError("disk full")

    sink = EvidenceFilesSink(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", fail)
        with pytest.raises(OSError, match="disk full"):
            sink.emit(_violation(MEMORY))
    assert _names(tmp_path) == []
    sink.emit(_violation(MEMORY))
    assert len(_names(tmp_path)) == 1


def test_a_violation_without_evidence_makes_no_folder(tmp_path: Path) -> None:
    EvidenceFilesSink(tmp_path / "new").emit(_violation())
    EvidenceFilesSink(tmp_path / "new").emit(_violation(Evidence(kind="cpu", note="busy")))
    assert _names(tmp_path) == []


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    sink = EvidenceFilesSink(tmp_path, most=3)
    for number in range(6):
        name = "a" if number % 2 else "z"
        sink.emit(_violation(evolve(MEMORY), name=name, at_ns=AT_NS + number * 10**9))
    assert _names(tmp_path) == [
        "a-duration-memory-20231114T221323.123456Z.json",
        "a-duration-memory-20231114T221325.123456Z.json",
        "z-duration-memory-20231114T221324.123456Z.json",
    ]


def test_files_of_others_are_left_alone_and_of_the_same_moment_bounded(tmp_path: Path) -> None:
    theirs = ["notes.json", "backup-20200101T000000.000000Z.json", "load-duration-cpu.pstats"]
    for name in theirs:
        (tmp_path / name).touch()
    sink = EvidenceFilesSink(tmp_path, most=2)
    for _ in range(12):
        sink.emit(_violation(evolve(MEMORY), STACK))
    assert set(theirs) < set(_names(tmp_path))
    assert len(_names(tmp_path)) == len(theirs) + 2


def test_a_long_name_keeps_its_time(tmp_path: Path) -> None:
    EvidenceFilesSink(tmp_path).emit(_violation(MEMORY, name="n" * 500))
    (name,) = _names(tmp_path)
    assert name.endswith("-duration-memory-20231114T221320.123456Z.json")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"most": 0}, "most is 0; it has to be a whole number of at least 1: write 100 for"),
        ({"most": "100"}, "most is '100'; it has to be a whole number of at least 1"),
        ({"folder": 7}, "folder is 7; write a path such as"),
    ],
)
def test_what_cannot_be_used_is_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        EvidenceFilesSink(**{"folder": "evidence", **options})
