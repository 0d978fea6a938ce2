"""What happens when perfkit itself fails: logged once, counted, and kept from the application.

Strictly private but for `counts`, which the self-metrics read. Under `perfkit.testing.strict`
faults are raised, so that tests see them.
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
"""How much of a text is logged, in characters: an error may quote a whole document."""


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
    """Return what `thing` says, in one line, where it can say something at all."""
    try:
        return shorten_middle(printable(str(thing)), _LONGEST)
    except Exception as error:  # any class may have a method of its own for that
        if is_signal_exception(error):
            raise
        return "(it cannot be printed)"


def _loggable(thing: object) -> object:
    """Return `thing` as it may stand in a log: a name or an error must not forge a line of it."""
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
    """Log a warning, the first time that `key` comes up since the last `forget`.

    Args:
        key: What makes it this warning and no other.
        text: A format of `logging`. What is not printable in it is logged as it is.
        args: What is put into it: numbers as they are, anything else in one line, escaped, and
            without its middle where it is very long.
    """
    with busy, _state.lock:
        if key in _state.said:
            return
        _state.said.add(key)
    logger.warning(text, *map(_loggable, args))


def counts() -> Mapping[str, int]:
    """Return how often each part has failed so far."""
    with busy, _state.lock:
        return dict(_state.counts)


def after_fork_in_child() -> None:
    """After a fork, be free of a lock that another thread held."""
    _state.lock = Lock()


def forget() -> None:
    """Forget which warnings were logged; the counts go on."""
    with busy, _state.lock:
        _state.said.clear()


def set_strict(*, is_strict: bool) -> bool:
    """Raise faults instead of swallowing them; return what was set before."""
    before, _state.is_strict = _state.is_strict, is_strict
    return before
