"""Shelves of sinks, and what they say."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from perfkit import ConfigurationError
from perfkit.assembly.sink_registry import SinkRegistry
from perfkit.catalog import parse_catalog
from perfkit.otel.telemetry import Telemetry
from perfkit.sinks.delivery.layer import layers_of
from perfkit.testing import FakeClock


def shelf_of(text: str = "[budgets]") -> SinkRegistry:
    """The shelf of a catalog."""
    catalog = parse_catalog(text, "perfkit.toml")
    return SinkRegistry(catalog, Telemetry(), FakeClock(), in_background=False)


def problem_of(text: str, name: str = "a") -> str:
    """What is said of a sink that cannot be made."""
    with pytest.raises(ConfigurationError) as caught:
        shelf_of(text).find(name)
    told = "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in told
    return str(caught.value)


def ending_of(registry: SinkRegistry, name: str) -> Any:
    """The sink itself, without its layers."""
    return layers_of(registry.find(name))[-1]
