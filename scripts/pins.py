"""Update constraints.txt to the newest releases.

usage: python scripts/pins.py

Run it with the oldest supported Python, whose pins are common to all versions. A newer Python of
this machine has a pin of its own for each package whose common pin has no wheel for it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from other_pythons import SUPPORTED, find_python

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".cache" / "pins"


def main() -> None:
    """Freeze an environment of each Python, and merge the pins."""
    shutil.rmtree(WORK, ignore_errors=True)
    this = f"{sys.version_info.major}.{sys.version_info.minor}"
    pins = {name: {this: release} for name, release in _freeze(sys.executable, this, "dev").items()}
    for version in SUPPORTED[SUPPORTED.index(this) + 1 :]:
        python = find_python(version)
        if python is None:
            print(f"Python {version} is not on this machine, so it has only the common pins")
            continue
        for name, release in _freeze(python, version, "test").items():
            newest = list(pins.setdefault(name, {version: release}).values())[-1]
            if newest != release and not _has_wheel(version, name, newest):
                pins[name][version] = release
    lines = [line for name in sorted(pins, key=str.lower) for line in _lines(name, pins[name])]
    (ROOT / "constraints.txt").write_text("".join(f"{line}\n" for line in lines))


def _freeze(python: str, version: str, group: str) -> dict[str, str]:
    subprocess.run([python, "-m", "venv", str(WORK / version)], check=True)
    _pip(version, "install", "--quiet", "--upgrade", "pip")
    bench = ["--group", "bench"] if group == "dev" else []
    _pip(version, "install", "--quiet", ".[all]", "--group", group, *bench)
    frozen = _pip(version, "freeze", "--all").stdout.split()
    return dict(line.split("==") for line in frozen if "==" in line)


def _has_wheel(version: str, name: str, release: str) -> bool:
    options = ["install", "--quiet", "--dry-run", "--no-deps", "--only-binary", ":all:"]
    return _pip(version, *options, f"{name}=={release}", check=False).returncode == 0


def _pip(version: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [str(WORK / version / "bin" / "python"), "-m", "pip", *arguments]
    return subprocess.run(command, cwd=ROOT, check=check, stdout=subprocess.PIPE, text=True)


def _lines(name: str, releases: dict[str, str]) -> list[str]:
    """Return the pins of a package. Each applies from its Python up to that of the next pin."""
    starts = list(releases)
    lines = []
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        since = [f'python_version >= "{start}"'] if start != starts[0] else []
        until = [f'python_version < "{end}"'] if end else []
        markers = " and ".join(since + until)
        lines.append(f"{name}=={releases[start]}{'; ' if markers else ''}{markers}")
    return lines


if __name__ == "__main__":
    main()
