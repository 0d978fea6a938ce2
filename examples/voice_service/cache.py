"""A cache for texts: compressed, limited in size, and forgetful after a while."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable
from contextlib import suppress

from attrs import define
from cachetools import TTLCache

from perfkit import budget, timed
from voice_service.slowdown import pause


@define
class CacheFigures:
    """What a cache has done so far. Sizes are in bytes, times in seconds."""

    hits: int = 0
    misses: int = 0
    evictions: int = 0
    bytes_in: int = 0
    bytes_kept: int = 0
    compression_seconds: float = 0.0

    def count_miss(self, bytes_in: int, bytes_kept: int, seconds: float) -> None:
        """Add one miss, and what compressing the missing text took."""
        self.misses += 1
        self.bytes_in += bytes_in
        self.bytes_kept += bytes_kept
        self.compression_seconds += seconds

    @property
    def hit_ratio(self) -> float:
        """Share of look-ups that found something; 0 where there were none."""
        total = self.hits + self.misses
        return self.hits / total if total else 0.0


class TextCache:
    """Keeps texts by key, compressed with zlib. Safe to share between threads.

    Args:
        max_bytes: How much compressed text it may hold; the least recently used goes first.
        ttl_seconds: How long a text stays good.
        timer: Returns seconds that never go back; for tests.
    """

    def __init__(
        self, max_bytes: int, ttl_seconds: float, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self.figures = CacheFigures()
        self._entries = _Entries(self.figures, max_bytes, ttl_seconds, timer)
        self._lock = threading.RLock()

    def __contains__(self, key: object) -> bool:
        with self._lock:
            return key in self._entries

    def get(self, key: str, load: Callable[[], str]) -> str:
        """Return the text for `key`; where there is none, call `load` and keep what it gives."""
        if key in self:
            with suppress(KeyError):  # it may run out between the two look-ups
                return self._hit(key)
        return self._miss(key, load)

    @timed("cache_hit")
    def _hit(self, key: str) -> str:
        pause("cache_hit")
        with self._lock:
            packed = self._entries[key]
            self.figures.hits += 1
        return zlib.decompress(packed).decode()

    @timed("cache_miss")
    def _miss(self, key: str, load: Callable[[], str]) -> str:
        pause("cache_miss")
        text = load()
        plain = text.encode()
        with budget("cache_compression") as spent:
            pause("cache_compression")
            packed = zlib.compress(plain)
        with self._lock:
            self.figures.count_miss(len(plain), len(packed), spent.duration or 0.0)
            if len(packed) <= self._entries.maxsize:
                self._entries[key] = packed
        return text


class _Entries(TTLCache[str, bytes]):
    """The entries, counted in bytes, with each eviction measured."""

    def __init__(
        self, figures: CacheFigures, max_bytes: int, ttl_seconds: float, timer: Callable[[], float]
    ) -> None:
        super().__init__(max_bytes, ttl_seconds, timer, getsizeof=len)
        self._figures = figures

    @timed("cache_eviction")
    def popitem(self) -> tuple[str, bytes]:
        """Make room by dropping what was not asked for the longest."""
        pause("cache_eviction")
        self._figures.evictions += 1
        return super().popitem()
