"""A sink that was given secrets says none of them, however it fails."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from typing import Any

import pytest

from perfkit.errors import BudgetExceeded, DeliveryFailed
from perfkit.model import Violation
from perfkit.sinks import DeliveryQueue, LogSink
from perfkit.sinks.delivery.layer import buffers, flush_of, layers_of, supports_batch, tick_of
from perfkit.sinks.redaction.redacting_sink import redacting
from tests.sinks.violations import make_violation

SECRET = "s3cretKEY"  # noqa: S105 - it opens nothing
URL = f"https://chat.example.org/rooms/7?key={SECRET}"


class OwnError(ValueError):
    """Tells more than its text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.address = URL


class Failing:
    """Fails with what it is made with, in all that a sink may have."""

    destination = URL
    atomic_batch = True
    reaches_caller = False

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __repr__(self) -> str:
        return f"Failing({URL})"

    def emit(self, _: Violation) -> None:
        raise self.error

    def emit_many(self, _: Sequence[Violation]) -> None:
        raise self.error

    def tick(self) -> float | None:
        raise self.error

    def flush(self, _: float) -> bool:
        raise self.error


def told_by(error: BaseException) -> BaseException:
    """What is raised in place of `error`; it holds nothing secret."""
    sink: Any = redacting(Failing(error), [SECRET])
    caught = []
    for call in (
        lambda: sink.emit(make_violation()),
        lambda: sink.emit_many([make_violation()]),
        lambda: tick_of(sink),
        lambda: flush_of(sink, 1),
    ):
        try:
            call()
        except BaseException as raised:  # noqa: BLE001 - any is looked at
            caught.append(raised)
    assert len(caught) == 4
    assert {type(each) for each in caught} == {type(caught[0])}
    for each in caught:
        assert SECRET not in "".join(traceback.format_exception(each))
        assert SECRET not in repr(each)
        assert each.__cause__ is None
        assert each.__context__ is None
    return caught[0]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(f"refused: {URL}"), OSError),
        (OSError(5, "refused", URL), OSError),
        (ConnectionRefusedError(URL), OSError),
        (TimeoutError(URL), TimeoutError),
        (OwnError(URL), Exception),
        (KeyError(URL), Exception),
        (SystemExit(URL), Exception),
        (ExceptionGroup("several", [ValueError(URL)]), Exception),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, BaseException) else each.__name__,
)
def test_a_failure_that_tells_a_secret_is_raised_without_it(
    error: BaseException, kind: type[Exception]
) -> None:
    told = told_by(error)
    assert isinstance(told, kind)
    assert type(told).__name__ == type(error).__name__
    assert "***" in str(told) or "several" in str(told)


def test_what_a_layer_has_to_know_of_a_failure_stays() -> None:
    error = DeliveryFailed(
        URL, is_permanent=True, retry_after=3.0, is_too_large=True, reason="refused"
    )
    told = told_by(error)
    assert isinstance(told, DeliveryFailed)
    assert (told.is_permanent, told.retry_after) == (True, 3.0)
    assert (told.is_too_large, told.reason) == (True, "refused")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no such room"),
        KeyboardInterrupt(),
        BudgetExceeded([make_violation()]),
        DeliveryFailed("no such room"),
    ],
)
def test_a_failure_without_a_secret_is_raised_as_it_is(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        redacting(Failing(error), [SECRET]).emit(make_violation())
    assert caught.value is error


def test_a_failure_that_cannot_be_printed_is_raised_as_it_is() -> None:
    class UnprintableError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    with pytest.raises(UnprintableError):
        redacting(Failing(UnprintableError()), [SECRET]).emit(make_violation())


def test_failures_of_one_kind_stay_of_one_kind() -> None:
    """Each kind is logged once."""
    first, second = (told_by(OwnError(f"{number} {URL}")) for number in range(2))
    assert type(first) is type(second)
    assert type(first) is not type(told_by(KeyError(URL)))


def test_what_a_sink_says_of_itself_is_masked() -> None:
    sink: Any = redacting(Failing(OSError()), [SECRET])
    assert sink.destination == "https://chat.example.org/rooms/7?key=***"
    assert SECRET not in repr(sink)


def test_a_discreet_sink_can_what_the_sink_can() -> None:
    plain: Any = redacting(LogSink(), [SECRET])
    assert (supports_batch(plain), tick_of(plain), flush_of(plain, 1)) == (False, None, True)
    assert not buffers(plain)
    assert not hasattr(plain, "reaches_caller")
    failing: Any = redacting(Failing(OSError()), [SECRET])
    assert supports_batch(failing)
    assert buffers(failing)
    assert (failing.atomic_batch, failing.reaches_caller) == (True, False)
    assert not hasattr(failing, "nonsense")


def test_a_sink_without_secrets_is_left_alone() -> None:
    sink = LogSink()
    assert redacting(sink, ["ab", ""]) is sink


def test_of_layers_the_innermost_is_discreet() -> None:
    sink = DeliveryQueue(Failing(OSError(URL)))
    assert redacting(sink, [SECRET]) is sink
    with pytest.raises(OSError, match=r"\*\*\*"):
        layers_of(sink)[-1].emit(make_violation())
