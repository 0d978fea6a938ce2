"""Read a value of the machine by the cheapest reader that works on this platform."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

_T = TypeVar("_T")
_FAILURES: Final = (OSError, ValueError, AttributeError, NotImplementedError)
_TEMPORARY: Final = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR}


class FallbackReader(Generic[_T]):
    """Readers of one value of the machine, the cheapest first.

    A reader that fails permanently (no such file, not allowed, not on this platform) is not tried
    again; one that fails for the moment (too many open files) is. Safe from any thread.

    Args:
        name: The value, as a noun phrase for messages.
        readers: Each returns the value, or raises `OSError` or `ValueError` if it fails, and
            `AttributeError` or `NotImplementedError` if the platform does not have the value.
    """

    def __init__(self, name: str, readers: Sequence[Callable[[], _T]]) -> None:
        self._name = name
        self._readers = tuple(readers)
        self.reason = f"this platform does not report {name}"
        """The reason of the last None from `read`."""

    def read(self) -> _T | None:
        """Return the present value, or None if no reader works."""
        for reader in self._readers:
            try:
                return reader()
            except _FAILURES as error:
                self.reason = self._explain(error)
                if not (isinstance(error, OSError) and error.errno in _TEMPORARY):
                    # A new tuple: other threads may be iterating over the old one.
                    self._readers = tuple(other for other in self._readers if other is not reader)
        return None

    def _explain(self, error: Exception) -> str:
        if isinstance(error, AttributeError | NotImplementedError):
            return f"this platform does not report {self._name}"
        if isinstance(error, PermissionError):
            return f"this process is not allowed to read {self._name}"
        return f"{self._name} could not be read: {error}"
