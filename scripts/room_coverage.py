"""Report the branch coverage of each room; fail if a core room has less than `LEAST`."""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from coverage import Coverage

LEAST = 95.0
FRONT = {"cli", "testing"}


def main() -> int:
    """Print a line for each room; return 0 if every core room has at least `LEAST` percent."""
    covered: Counter[str] = Counter()
    total: Counter[str] = Counter()
    gaps: defaultdict[str, list[str]] = defaultdict(list)
    for name, file in _read_report()["files"].items():
        room = _room_of(Path(name))
        summary = file["summary"]
        covered[room] += summary["covered_lines"] + summary["covered_branches"]
        total[room] += summary["num_statements"] + summary["num_branches"]
        gaps[room] += _gaps(name, file)
    percents = {room: 100 * covered[room] / total[room] for room in sorted(+total)}
    for room, percent in percents.items():
        print(f"{room:12} {percent:6.1f} %")
    low = [room for room, percent in percents.items() if percent < LEAST and room not in FRONT]
    for room in low:
        print(f"\n{room} has less than {LEAST:g} %:", *gaps[room], sep="\n")
    return int(bool(low))


def _read_report() -> dict[str, Any]:
    coverage = Coverage()
    coverage.load()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "coverage.json")
        coverage.json_report(outfile=str(path))
        report: dict[str, Any] = json.loads(path.read_text())
    return report


def _room_of(path: Path) -> str:
    parts = path.parts[path.parts.index("perfkit") + 1 :]
    return parts[0].removesuffix(".py")


def _gaps(name: str, file: dict[str, Any]) -> list[str]:
    lines = [f"{name}:{line}: not run" for line in file["missing_lines"]]
    for start, end in file["missing_branches"]:
        lines.append(f"{name}:{start}: never continues at {end if end > 0 else 'the end'}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
