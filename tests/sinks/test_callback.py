"""Callbacks that are plain functions, and which functions are refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial, wraps
from typing import Any

import pytest

from perfkit import Violation
from perfkit.errors import ConfigurationError, DeliveryError
from perfkit.sinks import CallbackSink
from tests.sinks.violations import make_violation


def test_a_callback_gets_the_violation() -> None:
    heard: list[Violation] = []
    sink = CallbackSink(heard.append)
    sink.emit(make_violation())
    assert heard == [make_violation()]
    assert sink.function == heard.append


def test_what_a_callback_raises_comes_out() -> None:
    def fail(_: Violation) -> None:
        raise LookupError("no pager")

    with pytest.raises(LookupError, match="no pager"):
        CallbackSink(fail).emit(make_violation())


async def page(_: Violation) -> None:
    """Take one."""


class Pager:
    def page(self, violation: Violation) -> None:
        """Take one."""

    def __call__(self, violation: Violation) -> None:
        """Take one."""


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (print, "builtins.print"),
        (Pager().page, f"{__name__}.Pager.page"),
        (Pager(), f"{__name__}.Pager"),
        (partial(partial(page)), f"{__name__}.page"),
    ],
)
def test_a_callback_is_known_by_its_name(function: Callable[..., Any], name: str) -> None:
    assert CallbackSink(function).destination == f"callback {name}"


async def _yield_async(_: Violation) -> AsyncIterator[None]:
    yield


def _yield(_: Violation) -> Iterator[None]:
    yield


class _Yields:
    async def __call__(self, violation: Violation) -> AsyncIterator[None]:
        yield


@pytest.mark.parametrize(
    "function",
    [_yield_async, _yield, partial(partial(_yield_async)), _Yields(), _Yields().__call__],
)
def test_a_function_with_a_yield_is_refused_as_its_body_would_never_run(function: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"has a yield, .* leave the yield out"):
        CallbackSink(function)


@pytest.mark.parametrize("function", [_yield_async, _yield])
def test_what_has_not_run_is_not_delivered(function: Any) -> None:
    """Behind another function it is known only when that has returned."""

    @wraps(function)
    def decorated(violation: Violation) -> object:
        return function(violation)

    with pytest.raises(DeliveryError, match="leave the yield out") as caught:
        CallbackSink(decorated).emit(make_violation())
    assert caught.value.is_permanent


@pytest.mark.parametrize("timeout", ["10s", 0, -1.0, float("nan"), float("inf"), None, True])
def test_a_timeout_that_is_none_is_refused(timeout: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"a number of seconds above 0 in code: write 10"):
        CallbackSink(print, timeout=timeout)


@pytest.mark.parametrize("function", ["print", None, 5])
def test_what_cannot_be_called_is_refused(function: Any) -> None:
    with pytest.raises(
        ConfigurationError, match="cannot be called; write a function that takes a violation"
    ):
        CallbackSink(function)


def test_the_name_of_a_callback_forges_no_line() -> None:
    def forge(_: Violation) -> None:
        """Take one."""

    forge.__qualname__ = "f\nCRITICAL forged\x1b[31m"
    assert CallbackSink(forge).destination.isprintable()
