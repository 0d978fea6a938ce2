"""Signal handlers that raise at any moment, in a process of their own.

Coverage takes a lock of its own at every new file; a handler that raises there leaves it locked.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import environment


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs signals")
def test_interrupts_reach_the_application_and_lock_nothing() -> None:
    tests = Path(__file__).with_name("interrupted_perfkit.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)]
    done = subprocess.run(
        command,
        cwd=tests.parents[2],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
