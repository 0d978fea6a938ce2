"""The service's cache evicts, expires and compresses."""

from __future__ import annotations

import random
import string

from voice_service.cache import TextCache


class Ticks:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def never() -> str:
    raise AssertionError("it should have been in the cache")


def noise(length: int, seed: int = 0) -> str:
    """Return a text that hardly compresses."""
    dice = random.Random(seed)  # noqa: S311 - any text will do
    return "".join(dice.choices(string.printable, k=length))


def test_a_text_is_loaded_once_and_then_found() -> None:
    cache = TextCache(max_bytes=1000, ttl_seconds=60)

    assert cache.get("a", lambda: "words") == "words"
    assert cache.get("a", never) == "words"
    assert (cache.figures.hits, cache.figures.misses) == (1, 1)
    assert cache.figures.hit_ratio == 0.5


def test_a_text_runs_out_after_its_time_to_live() -> None:
    clock = Ticks()
    cache = TextCache(max_bytes=1000, ttl_seconds=60, timer=clock)
    cache.get("a", lambda: "old")
    clock.now = 59.9
    assert cache.get("a", never) == "old"
    clock.now = 60.0
    assert cache.get("a", lambda: "new") == "new"


def test_the_least_recently_used_text_makes_room() -> None:
    cache = TextCache(max_bytes=2500, ttl_seconds=60)
    for number, key in enumerate("ab"):
        cache.get(key, lambda seed=number: noise(1000, seed))
    cache.get("a", never)

    cache.get("c", lambda: noise(1000, 3))

    assert "a" in cache
    assert "b" not in cache
    assert cache.figures.evictions == 1


def test_texts_are_kept_compressed() -> None:
    cache = TextCache(max_bytes=1000, ttl_seconds=60)
    text = "the same words again and again, " * 1000

    assert cache.get("a", lambda: text) == cache.get("a", never) == text
    assert cache.figures.bytes_in == len(text)
    assert cache.figures.bytes_kept < len(text) / 50
    assert cache.figures.compression_seconds > 0
