"""A cache of compressed texts with a limited size and a time to live."""

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
class CacheStats:
    """The statistics of a cache. Sizes are in bytes, times in seconds."""

    hits: int = 0
    misses: int = 0
    evictions: int = 0
    bytes_in: int = 0
    bytes_kept: int = 0
    compression_seconds: float = 0.0

    def count_miss(self, bytes_in: int, bytes_kept: int, seconds: float) -> None:
        """Add one miss, with the sizes and the compression time of its text."""
        self.misses += 1
        self.bytes_in += bytes_in
        self.bytes_kept += bytes_kept
        self.compression_seconds += seconds

    @property
    def hit_ratio(self) -> float:
        """The share of lookups that were hits; 0 without lookups."""
        total = self.hits + self.misses
        return self.hits / total if total else 0.0


class TextCache:
    """Caches texts by key, compressed with zlib. Safe to share between threads.

    Args:
        max_bytes: The maximum size of all compressed texts; the least recently used goes first.
        ttl_seconds: The time to live of a text.
        timer: A monotonic clock in seconds; for tests.
    """

    def __init__(
        self, max_bytes: int, ttl_seconds: float, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self.stats = CacheStats()
        self._entries = _Entries(self.stats, max_bytes, ttl_seconds, timer)
        self._lock = threading.RLock()

    def __contains__(self, key: object) -> bool:
        with self._lock:
            return key in self._entries

    def get(self, key: str, load: Callable[[], str]) -> str:
        """Return the text for `key`; load and cache it if it is missing."""
        if key in self:
            with suppress(KeyError):  # the text may expire between the two lookups
                return self._hit(key)
        return self._miss(key, load)

    @timed("cache_hit")
    def _hit(self, key: str) -> str:
        pause("cache_hit")
        with self._lock:
            compressed = self._entries[key]
            self.stats.hits += 1
        return zlib.decompress(compressed).decode()

    @timed("cache_miss")
    def _miss(self, key: str, load: Callable[[], str]) -> str:
        pause("cache_miss")
        text = load()
        plain = text.encode()
        with budget("cache_compression") as spent:
            pause("cache_compression")
            compressed = zlib.compress(plain)
        with self._lock:
            self.stats.count_miss(len(plain), len(compressed), spent.duration or 0.0)
            if len(compressed) <= self._entries.maxsize:
                self._entries[key] = compressed
        return text


class _Entries(TTLCache[str, bytes]):
    """The compressed texts, with a size in bytes and a measurement of each eviction."""

    def __init__(
        self, stats: CacheStats, max_bytes: int, ttl_seconds: float, timer: Callable[[], float]
    ) -> None:
        super().__init__(max_bytes, ttl_seconds, timer, getsizeof=len)
        self._stats = stats

    @timed("cache_eviction")
    def popitem(self) -> tuple[str, bytes]:
        """Evict the least recently used text."""
        pause("cache_eviction")
        self._stats.evictions += 1
        return super().popitem()
