"""Put the modules of the example service on the path, and configure its catalog."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import perfkit

EXAMPLES = Path(__file__).parents[2] / "examples"
SERVICE = EXAMPLES / "voice_service"
_NEEDED = ("pocketsphinx", "espeakng_loader", "sqlalchemy", "cachetools", "numpy", "rich", "click")
_MISSING = [name for name in _NEEDED if find_spec(name) is None]

if str(EXAMPLES) not in sys.path:
    sys.path.insert(0, str(EXAMPLES))
if _MISSING:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(autouse=True)
def _catalog() -> None:
    """Configure the catalog of the service, without sinks."""
    perfkit.configure(SERVICE / "perfkit.toml", sinks=[])
