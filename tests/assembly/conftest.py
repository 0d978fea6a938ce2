"""Fixtures for the tests of how perfkit is put together."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

_MODULE = """
from perfkit.errors import ConfigurationError

class PagerSink:
    def __init__(self, number, *, region="eu"):
        self.number, self.region = number, region

    def emit(self, violation):
        pass

heard = []

class EchoSink:
    def __init__(self, number="none"):
        self.number = number

    def emit(self, violation):
        heard.append((self.number, violation.budget.name))

class AnySink:
    def __init__(self, needed, **options):
        self.options = options

    def emit(self, violation):
        pass

def refuse(url):
    raise ValueError(f"cannot use {url}")

def refuse_politely(url):
    raise ConfigurationError(f"cannot use {url!r}; write\\x1b another")

class ChatSink:
    def __init__(self, url):
        assert type(url) is str
        self.destination = self.url = url

    def emit(self, violation):
        # As the libraries for HTTP do.
        raise OSError(f"503 Server Error for url: {self.url}")

def nothing():
    return 5

def positional(number, /, region="eu"):
    return PagerSink(number)
"""
_ENTRY_POINTS = """[perfkit.sinks]
pager = acme_sinks:PagerSink
echo = acme_sinks:EchoSink
any = acme_sinks:AnySink
refuse = acme_sinks:refuse
chat = acme_sinks:ChatSink
polite = acme_sinks:refuse_politely
nothing = acme_sinks:nothing
untold = builtins:dict
"""


@pytest.fixture
def _plugged_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package that brings sinks."""
    (tmp_path / "acme_sinks.py").write_text(_MODULE)
    info = tmp_path / "acme_sinks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-sinks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(_ENTRY_POINTS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "acme_sinks", raising=False)
