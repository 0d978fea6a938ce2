"""One figure of the machine, read in the cheapest way that works here."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

_T = TypeVar("_T")
_TROUBLE: Final = (OSError, ValueError, AttributeError, NotImplementedError)
_PASSES: Final = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR}


class FallbackReader(Generic[_T]):
    """One figure of the machine, with the ways in which it can be read, the cheapest first.

    A way that fails for good (no such file, not allowed, not on this platform) is not tried again;
    one that fails for now (too many open files) is. Safe from any thread.

    Args:
        name: What it is, for people.
        ways: Each returns the figure, or raises `OSError` or `ValueError` if it cannot,
            `AttributeError` or `NotImplementedError` if the platform has no such thing.
    """

    def __init__(self, name: str, readers: Sequence[Callable[[], _T]]) -> None:
        self._name = name
        self._ways = tuple(readers)
        self.reason = f"this platform does not tell {name}"
        """Why `read` has last returned None."""

    def read(self) -> _T | None:
        """Return the figure of this moment, or None where there is no way to read it."""
        for way in self._ways:
            try:
                return way()
            except _TROUBLE as error:
                self.reason = self._explain(error)
                if not (isinstance(error, OSError) and error.errno in _PASSES):
                    self._ways = tuple(other for other in self._ways if other is not way)
        return None

    def _explain(self, error: Exception) -> str:
        if isinstance(error, AttributeError | NotImplementedError):
            return f"this platform does not tell {self._name}"
        if isinstance(error, PermissionError):
            return f"this process is not allowed to read {self._name}"
        return f"{self._name} could not be read: {error}"
