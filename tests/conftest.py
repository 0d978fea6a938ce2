"""Fixtures for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.fixtures import (  # noqa: F401 - pytest finds fixtures by their names here
    _clean_perfkit,
    _leaves_nothing_behind,
    clock,
    lenient,
    seen,
)
from tests.receivers.installing import find_missing_program, install
from tests.receivers.otlp import OtlpReceiver

settings.register_profile("perfkit", deadline=None)  # a busy machine may take longer
settings.load_profile("perfkit")


@pytest.fixture(scope="session")
def otlp_receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtlpReceiver]:
    """A real OTLP/HTTP receiver, one for each test process: clear it before use."""
    missing = find_missing_program()
    if missing:
        pytest.skip(f"the OTLP receiver comes from npm and needs {missing}, which is not here")
    with OtlpReceiver(install(), tmp_path_factory.mktemp("otlp-receiver")) as receiver:
        yield receiver
