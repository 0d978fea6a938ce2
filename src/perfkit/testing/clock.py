"""A clock for tests, which moves only when a test advances it."""

from __future__ import annotations

from perfkit.reentrancy import Lock


class FakeClock:
    """A clock that moves only by `advance`. Safe from any thread.

    >>> import perfkit
    >>> from perfkit.testing import FakeClock
    >>> clock = FakeClock()
    >>> with perfkit.override(perfkit.Catalog(), clock=clock):
    ...     with perfkit.budget("upload", duration="2s") as spent:
    ...         clock.advance(1.5)
    >>> spent.duration
    1.5

    Args:
        start: The initial time, in seconds since the Unix epoch.
    """

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._lock = Lock()
        self._epoch_ns = round(start * 1e9)
        self._elapsed_ns = 0

    def advance(self, seconds: float) -> None:
        """Advance the clock by `seconds`."""
        with self._lock:
            self._elapsed_ns += round(seconds * 1e9)

    def monotonic_ns(self) -> int:
        """Return nanoseconds since the clock was created."""
        return self._elapsed_ns

    def time_ns(self) -> int:
        """Return nanoseconds since the Unix epoch."""
        return self._epoch_ns + self._elapsed_ns
