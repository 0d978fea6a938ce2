"""Save evidence as files that other tools open: pstats viewers, speedscope, anything with JSON."""

from __future__ import annotations

import json
import marshal
import os
import re
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from attrs import asdict

from perfkit.model import Evidence, Metric, Violation
from perfkit.model.record import as_finite
from perfkit.reentrancy import Lock
from perfkit.sinks.arguments import checked_count, checked_path
from perfkit.text import printable

_LONGEST_NAME: Final = 150
_LONGEST_PART: Final = 60
_TIME: Final = "%Y%m%dT%H%M%S.%fZ"
_SINKS_OWN: Final = re.compile(
    rf".+-(?:{'|'.join(Metric)})-.+-(\d{{8}}T\d{{6}}\.\d{{6}}Z)(?:-\d+)?"
    r"\.(?:pstats|collapsed\.txt|json)"
)
"""The name of a file that the sink wrote, with its time."""


def save_evidence(evidence: Evidence, folder: str | os.PathLike[str], *, name: str) -> Path | None:
    """Write `evidence` to a file of its own in `folder`, which is made if it is missing.

    ``"cpu"`` becomes ``NAME.pstats`` (`pstats.Stats` and its viewers), ``"stack"`` becomes
    ``NAME.collapsed.txt`` (speedscope and flame graphs), anything else ``NAME.json``. The file
    appears with all that is in it, readable by its owner only, and replaces none: where the name is
    taken, a number is added.

    Args:
        evidence: The evidence.
        folder: The folder.
        name: Without its ending, cut to 150 characters; all but letters of ASCII, digits, dots,
            ``_`` and ``-`` becomes ``-``.

    Returns:
        The path of the file; None where there is nothing to save.

    Raises:
        OSError: If it cannot be written.
    """
    ending, data = _as_file(evidence)
    if not data:
        return None
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = _reserve(folder, _safe(name, _LONGEST_NAME), ending)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        temporary.touch(0o600, exist_ok=False)
        temporary.write_bytes(data)
        os.replace(temporary, path)  # noqa: PTH105 - the same, and its name says that it is atomic
    except BaseException:
        for left in (temporary, path):
            left.unlink(missing_ok=True)
        raise
    return path


class EvidenceFilesSink:
    """Saves the evidence of each violation as files, each piece once.

    A file is named after budget, metric, kind of evidence and the time of the violation in UTC.
    Writing takes a few milliseconds in the thread that delivers. Safe from any thread; several
    processes can share a folder.

    Args:
        folder: The folder of the files; made when it is first needed.
        most: The number of files to keep, at least 1. Beyond that the oldest that such a sink wrote
            are removed; other files in the folder are not.

    Raises:
        ConfigurationError: If `most` is not a whole number of at least 1, or `folder` not a path.
    """

    def __init__(self, folder: str | os.PathLike[str], most: int = 100) -> None:
        self._folder = checked_path("folder", folder, "perfkit-evidence")
        self._most = checked_count("most", most, "100 for the newest 100 files")
        self._lock = Lock()
        self._saved: WeakValueDictionary[int, Evidence] = WeakValueDictionary()

    @property
    def destination(self) -> str:
        """Where violations go, for people."""
        return f"folder {printable(str(self._folder))}"

    def emit(self, violation: Violation) -> None:
        """Save the new evidence of a violation; raise OSError where that fails."""
        with self._lock:
            is_new = [self._save(violation, each) for each in violation.evidence]
            if any(is_new):
                self._remove_oldest()

    def _save(self, violation: Violation, evidence: Evidence) -> bool:
        if self._saved.get(id(evidence)) is evidence:
            return False
        budget = _safe(violation.budget.name, _LONGEST_PART)
        kind = _safe(evidence.kind, _LONGEST_PART // 2)
        when = datetime.fromtimestamp(violation.at_ns / 1e9, UTC).strftime(_TIME)
        name = f"{budget}-{violation.limit.metric}-{kind}-{when}"
        path = save_evidence(evidence, self._folder, name=name)
        self._saved[id(evidence)] = evidence
        return path is not None

    def _remove_oldest(self) -> None:
        """Remove the oldest files beyond the limit; another process may do so at the same time."""
        written = sorted(
            (match[1], match[0])
            for path in self._folder.iterdir()
            if (match := _SINKS_OWN.fullmatch(path.name))
        )
        for _, name in written[: -self._most]:
            with suppress(FileNotFoundError):
                (self._folder / name).unlink()


def _as_file(evidence: Evidence) -> tuple[str, bytes]:
    """Return the ending and the content of the file for `evidence`; no content for none."""
    if evidence.kind == "cpu":
        return ".pstats", marshal.dumps(dict(evidence.detail)) if evidence.detail else b""
    if evidence.kind == "stack":
        lines = (f"{printable(str(it))} {count}\n" for it, count in evidence.detail.items())
        return ".collapsed.txt", "".join(lines).encode()
    content = {key: value for key, value in asdict(evidence).items() if key != "detail"}
    text = json.dumps(as_finite(content), indent=2, default=str)
    return ".json", f"{text}\n".encode() if evidence.rows else b""


def _safe(name: str, longest: int) -> str:
    """Return `name` as part of a file name that is in no other folder and not hidden."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:longest].strip(".-") or "evidence"


def _reserve(folder: Path, name: str, ending: str) -> Path:
    """Make an empty file with a name that was free, and return its path."""
    path, number = folder / f"{name}{ending}", 1
    while True:
        try:
            path.touch(0o600, exist_ok=False)
        except FileExistsError:
            number += 1
            path = folder / f"{name}-{number}{ending}"
        else:
            return path
