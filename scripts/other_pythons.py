"""Run the tests on the supported Pythons other than this one, as far as the machine has them.

usage: python scripts/other_pythons.py ARGUMENTS...    (what to run in each Python)
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUPPORTED = ("3.11", "3.12", "3.13", "3.14", "3.15")


def main(arguments: list[str]) -> int:
    """Return 0 if every Python that was found passes."""
    this = f"{sys.version_info.major}.{sys.version_info.minor}"
    results = {version: _run(version, arguments) for version in SUPPORTED if version != this}
    for version, result in results.items():
        print(f"Python {version}: {result}")
    return int("failed" in results.values())


def _run(version: str, arguments: list[str]) -> str:
    python = find_python(version)
    if python is None:
        return "not on this machine (looked on the PATH and in pyenv), so not tested"
    folder = f".venv-{version}"
    set_up = [python, "scripts/environment.py", folder, "all", "test"]
    run = [f"{folder}/bin/python", *arguments]
    for command in (set_up, run):
        print("+", *command, flush=True)
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            return "failed"
    return "passed"


def find_python(version: str) -> str | None:
    """Return a Python of that version which works; None if there is none."""
    return next((path for path in _candidates(version) if _version_of(path) == version), None)


def _candidates(version: str) -> Iterator[str]:
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield on_path
    for made in sorted(_pyenv_root().glob(f"versions/{version}.*/bin/python"), key=_release):
        yield str(made)


def _pyenv_root() -> Path:
    pyenv = shutil.which("pyenv")
    if pyenv:
        said = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=False).stdout
        if said.strip():
            return Path(said.strip())
    return Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()


def _release(path: Path) -> list[int]:
    """Sort the newest first."""
    return [-int(number) for number in re.findall(r"\d+", path.parents[1].name)]


def _version_of(python: str) -> str | None:
    """Return the version of a Python; None for one that does not start, such as a pyenv shim."""
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
