"""One figure, read in the cheapest way that works."""

from __future__ import annotations

import errno
from typing import NoReturn

import pytest

from perfkit.probes.fallback_reader import FallbackReader


class Way:
    """A way that raises what it is told to, and counts how often it was tried."""

    def __init__(self, error: Exception | None = None, value: int = 1) -> None:
        self.error, self.value, self.tries = error, value, 0

    def __call__(self) -> int:
        self.tries += 1
        if self.error is not None:
            raise self.error
        return self.value


def test_the_first_way_that_works_is_used() -> None:
    first, second = Way(value=1), Way(value=2)
    assert FallbackReader("it", [first, second]).read() == 1
    assert second.tries == 0


@pytest.mark.parametrize(
    "error", [FileNotFoundError(), PermissionError(), ValueError(), AttributeError()]
)
def test_a_way_that_fails_for_good_is_tried_once(error: Exception) -> None:
    first, second = Way(error), Way(value=2)
    figure = FallbackReader("it", [first, second])
    assert [figure.read(), figure.read()] == [2, 2]
    assert first.tries == 1


def test_a_way_that_fails_for_now_is_tried_again() -> None:
    first = Way(OSError(errno.EMFILE, "too many open files"))
    figure = FallbackReader("it", [first])
    assert figure.read() is None
    assert "too many open files" in figure.reason
    first.error = None
    assert figure.read() == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AttributeError("io_counters"), "this platform does not report the traffic"),
        (NotImplementedError(), "this platform does not report the traffic"),
        (PermissionError(13, "no"), "this process is not allowed to read the traffic"),
        (ValueError("has 3 words"), "the traffic could not be read: has 3 words"),
    ],
)
def test_why_there_is_no_figure_is_said_for_people(error: Exception, reason: str) -> None:
    figure = FallbackReader("the traffic", [Way(error)])
    for _ in range(2):
        assert (figure.read(), figure.reason) == (None, reason)


def test_without_any_way_the_platform_does_not_tell() -> None:
    figure: FallbackReader[int] = FallbackReader("the traffic", [])
    assert (figure.read(), figure.reason) == (None, "this platform does not report the traffic")


def test_a_fault_of_perfkit_is_not_hidden() -> None:
    def way() -> NoReturn:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        FallbackReader("it", [way]).read()
