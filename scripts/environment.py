"""Create or update a virtual environment for this checkout.

usage: python scripts/environment.py FOLDER EXTRAS GROUP

Run it with the Python of the environment. It returns at once if the environment is up to date.
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
    """Create or update the environment `name` with perfkit, its extras and a dependency group."""
    folder = ROOT / name
    stamp = folder / "made-from.txt"
    inputs = "\n".join(
        [sys.version, extras, group, _digest(PINS), _digest(ROOT / "pyproject.toml")]
    )
    before = stamp.read_text() if stamp.exists() else ""
    if before == inputs:
        return
    version = sys.version.split()[0]
    print(f"Setting up {name} with Python {version}; this takes about a minute ...", flush=True)
    _create(folder, is_other_python=bool(before) and not before.startswith(sys.version))
    _install(folder, extras, group)
    stamp.write_text(inputs)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _create(folder: Path, *, is_other_python: bool) -> None:
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        sys.exit(
            f"{sys.executable} cannot create virtual environments (Debian has a separate package,"
            " python3-venv); choose another Python: make PYTHON=/path/to/python"
        )
    clear = ["--clear"] if is_other_python else []
    subprocess.run([sys.executable, "-m", "venv", *clear, str(folder)], check=True)


def _install(folder: Path, extras: str, group: str) -> None:
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "-qq"]
    pinned_pip = next(line for line in PINS.read_text().split() if line.startswith("pip=="))
    for arguments in (
        ["--upgrade", pinned_pip],  # an older pip does not support dependency groups
        ["--constraint", str(PINS), "--editable", f".[{extras}]", "--group", group],
    ):
        subprocess.run([*pip, "install", *arguments], cwd=ROOT, check=True)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except subprocess.CalledProcessError as error:
        sys.exit(f"the set-up failed: {' '.join(error.cmd)}")
