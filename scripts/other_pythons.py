"""Run the tests on the other supported Pythons that this machine has.

usage: python scripts/other_pythons.py ARGUMENTS...    (the arguments of each Python)
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
    """Return 0 if no Python fails; a missing one does not fail."""
    this = f"{sys.version_info.major}.{sys.version_info.minor}"
    results = {version: _run(version, arguments) for version in SUPPORTED if version != this}
    for version, result in results.items():
        print(f"Python {version}: {result}")
    return int("failed" in results.values())


def _run(version: str, arguments: list[str]) -> str:
    python = find_python(version)
    if python is None:
        return "not tested, because it is neither on the PATH nor in pyenv"
    folder = f".venv-{version}"
    set_up = [python, "scripts/environment.py", folder, "all", "test"]
    test = [f"{folder}/bin/python", *arguments]
    for command in (set_up, test):
        print("+", *command, flush=True)
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            return "failed"
    return "passed"


def find_python(version: str) -> str | None:
    """Return the path of a working Python of that version, or None."""
    return next((path for path in _candidates(version) if _version_of(path) == version), None)


def _candidates(version: str) -> Iterator[str]:
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield on_path
    for path in sorted(_pyenv_root().glob(f"versions/{version}.*/bin/python"), key=_release):
        yield str(path)


def _pyenv_root() -> Path:
    pyenv = shutil.which("pyenv")
    if pyenv:
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=False).stdout
        if root.strip():
            return Path(root.strip())
    return Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()


def _release(path: Path) -> list[int]:
    """Return a key that sorts the newest release first."""
    return [-int(number) for number in re.findall(r"\d+", path.parents[1].name)]


def _version_of(python: str) -> str | None:
    """Return the version of a Python; None for one that does not start, such as a pyenv shim."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
