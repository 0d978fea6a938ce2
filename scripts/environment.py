"""Make a virtual environment for this checkout, or bring one up to date.

usage: python scripts/environment.py FOLDER EXTRAS GROUP

Runs under the Python that the environment is for. Quick where nothing has changed since.
"""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PINS = ROOT / "constraints.txt"


def main(name: str, extras: str, group: str) -> None:
    """Make the environment `name` with perfkit, some of its extras and a dependency group."""
    folder = ROOT / name
    stamp = folder / "made-from.txt"
    wanted = "\n".join(
        [sys.version, extras, group, _digest(PINS), _digest(ROOT / "pyproject.toml")]
    )
    before = stamp.read_text() if stamp.exists() else ""
    if before == wanted:
        return
    version = sys.version.split()[0]
    print(f"Setting up {name} with Python {version}; this takes about a minute ...", flush=True)
    _make(folder, is_other_python=bool(before) and not before.startswith(sys.version))
    _install(folder, extras, group)
    stamp.write_text(wanted)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _make(folder: Path, *, is_other_python: bool) -> None:
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        sys.exit(
            f"{sys.executable} cannot make virtual environments (Debian packs that separately, as"
            " python3-venv); say which other Python to use: make PYTHON=/path/to/python"
        )
    clear = ["--clear"] if is_other_python else []
    subprocess.run([sys.executable, "-m", "venv", *clear, str(folder)], check=True)


def _install(folder: Path, extras: str, group: str) -> None:
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "-qq"]
    pinned_pip = next(line for line in PINS.read_text().split() if line.startswith("pip=="))
    for what in (
        ["--upgrade", pinned_pip],  # an older pip does not know dependency groups
        ["--constraint", str(PINS), "--editable", f".[{extras}]", "--group", group],
    ):
        subprocess.run([*pip, "install", *what], cwd=ROOT, check=True)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except subprocess.CalledProcessError as error:
        sys.exit(f"setting up failed: {' '.join(error.cmd)}")
