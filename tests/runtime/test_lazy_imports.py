"""Imports that Python postpones do not run inside a measured call."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import perfkit

seen = []
perfkit.configure(
    perfkit.Catalog(), unknown_budgets="ignore", sinks=[seen.append], delivery="inline"
)

@perfkit.timed("small", memory_peak="10kB", duration="5s")
def small():
    return [0] * 10

for _ in range(3):
    small()
print([violation.limit.metric.value for violation in seen])
"""


@pytest.mark.skipif(sys.version_info < (3, 15), reason="Python postpones imports from 3.15 on")
@pytest.mark.parametrize("mode", ["all", "normal"])
def test_postponed_imports_of_perfkit_do_not_count_as_the_memory_of_a_call(mode: str) -> None:
    command = [sys.executable, "-X", f"lazy_imports={mode}", "-c", PROGRAM]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
