"""Suppress internal errors of perfkit: log each kind once, and count all.

Private except `counts`, which the self-metrics read. Under `perfkit.testing.strict` internal errors
are raised, so that tests fail on them.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, ParamSpec, TypeVar

from perfkit.errors import CatalogError
from perfkit.reentrancy import Lock, busy
from perfkit.sinks.delivery.signals import is_signal_exception
from perfkit.text import printable, shorten_middle

_P = ParamSpec("_P")
_R = TypeVar("_R")

logger = logging.getLogger("perfkit")

_LONGEST: Final = 1000
"""The maximum length of a logged text, in characters: an error may quote a whole document."""


class _State:
    def __init__(self) -> None:
        self.lock = Lock()
        self.counts: Counter[str] = Counter()
        self.said: set[object] = set()
        self.is_strict = False


_state = _State()


def report(part: str, error: Exception) -> None:
    """Log `error` once for each part and kind, and count it.

    Args:
        part: What failed, such as ``"sink LogSink"``.
        error: What it raised.

    Raises:
        Exception: `error` itself, in strict mode, and where a signal handler of the application
            raised it, such as a time-out, while perfkit ran.
    """
    if _state.is_strict or is_signal_exception(error):
        raise error
    with busy, _state.lock:
        _state.counts[part] += 1
    text = "perfkit: %s failed: %s: %s; the application is not affected, later failures are counted"
    warn_once((part, type(error)), text, part, type(error).__name__, error)


def _said(thing: object) -> str:
    """Return ``str(thing)`` in one printable line; a placeholder if that raises."""
    try:
        return shorten_middle(printable(str(thing)), _LONGEST)
    except Exception as error:  # any class may have a method of its own for that
        if is_signal_exception(error):
            raise
        return "(it cannot be printed)"


def _loggable(thing: object) -> object:
    """Return `thing` escaped for a log: a name or an error must not forge a log line."""
    if isinstance(thing, int | float):
        return thing
    if isinstance(thing, CatalogError):
        return "\n".join(map(_said, thing.problems))
    return _said(thing)


def suppress(
    part: str, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs
) -> _R | None:
    """Call `function`; if it raises, report that and return None."""
    try:
        return function(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - whatever a plug raises must not reach the application
        report(part, error)
        return None


def warn_once(key: object, text: str, *args: object) -> None:
    """Log a warning once per `key` since the last `forget`.

    Args:
        key: The identity of the warning.
        text: A `logging` format, logged without escaping.
        args: Arguments of the format: numbers unchanged, anything else in one line, escaped, and
            shortened in the middle beyond 1,000 characters.
    """
    with busy, _state.lock:
        if key in _state.said:
            return
        _state.said.add(key)
    # Outside the lock: a handler of the application may log or block.
    logger.warning(text, *map(_loggable, args))


def counts() -> Mapping[str, int]:
    """Return how often each part has failed so far."""
    with busy, _state.lock:
        return dict(_state.counts)


def after_fork_in_child() -> None:
    """After a fork, be free of a lock that another thread held."""
    _state.lock = Lock()


def forget() -> None:
    """Log each warning again at its next occurrence; the counts are unchanged."""
    with busy, _state.lock:
        _state.said.clear()


def set_strict(*, is_strict: bool) -> bool:
    """Raise internal errors instead of suppressing them; return the previous setting."""
    before, _state.is_strict = _state.is_strict, is_strict
    return before
