"""Install the OTLP receiver from npm, once per checkout."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from filelock import FileLock

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / ".cache" / "otlp-receiver"


def find_missing_program() -> str | None:
    """Return which program the receiver lacks on this machine; None if it can run."""
    return next((name for name in ("node", "npm") if shutil.which(name) is None), None)


def install(folder: Path = FOLDER) -> Path:
    """Return `folder` with the receiver in it, installed at the versions of the lock file.

    Several test processes may ask at once: one installs, the others wait for it.

    Raises:
        RuntimeError: If npm fails; with what it said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = (HERE / "package-lock.json").read_bytes()
    mark = folder / "installed-package-lock.json"
    with FileLock(folder / "install.lock", timeout=600):
        if not mark.exists() or mark.read_bytes() != wanted:
            for name in ("package.json", "package-lock.json"):
                shutil.copyfile(HERE / name, folder / name)
            _run_npm(folder)
            mark.write_bytes(wanted)
    return folder


def _run_npm(folder: Path) -> None:
    npm = shutil.which("npm")
    assert npm is not None
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=500, check=False
    )
    if done.returncode:
        raise RuntimeError(f"npm could not install the OTLP receiver:\n{done.stdout}{done.stderr}")
