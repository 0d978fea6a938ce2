"""The cache of the service evicts, expires and compresses texts."""

from __future__ import annotations

import random
import string

import pytest

from voice_service.cache import TextCache


class Ticks:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def never() -> str:
    raise AssertionError("it should have been in the cache")


def noise(length: int, seed: int = 0) -> str:
    """Return a text that hardly compresses."""
    dice = random.Random(seed)  # noqa: S311 - the text is not secret
    return "".join(dice.choices(string.printable, k=length))


def test_a_text_is_loaded_once_and_then_cached() -> None:
    cache = TextCache(max_bytes=1000, ttl_seconds=60)

    assert cache.get("a", lambda: "words") == "words"
    assert cache.get("a", never) == "words"
    assert (cache.stats.hits, cache.stats.misses) == (1, 1)
    assert cache.stats.hit_ratio == 0.5


def test_a_text_expires_after_its_time_to_live() -> None:
    clock = Ticks()
    cache = TextCache(max_bytes=1000, ttl_seconds=60, timer=clock)
    cache.get("a", lambda: "old")
    clock.now = 59.9
    assert cache.get("a", never) == "old"
    clock.now = 60.0
    assert cache.get("a", lambda: "new") == "new"


def test_the_least_recently_used_text_is_evicted() -> None:
    cache = TextCache(max_bytes=2500, ttl_seconds=60)
    for number, key in enumerate("ab"):
        cache.get(key, lambda seed=number: noise(1000, seed))
    cache.get("a", never)

    cache.get("c", lambda: noise(1000, 3))

    assert "a" in cache
    assert "b" not in cache
    assert cache.stats.evictions == 1


def test_texts_are_stored_compressed() -> None:
    cache = TextCache(max_bytes=1000, ttl_seconds=60)
    text = "the same words again and again, " * 1000

    assert cache.get("a", lambda: text) == cache.get("a", never) == text
    assert cache.stats.bytes_in == len(text)
    assert cache.stats.bytes_kept < len(text) / 50
    assert cache.stats.compression_seconds > 0


def test_a_text_larger_than_the_cache_is_returned_but_not_cached() -> None:
    cache = TextCache(max_bytes=100, ttl_seconds=60)

    assert len(cache.get("a", lambda: noise(1000))) == 1000
    assert "a" not in cache


def test_a_failed_load_does_not_change_the_cache() -> None:
    cache = TextCache(max_bytes=1000, ttl_seconds=60)

    with pytest.raises(AssertionError):
        cache.get("a", never)

    assert "a" not in cache
