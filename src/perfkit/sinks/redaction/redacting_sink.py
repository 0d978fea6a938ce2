"""Stand before a sink that was given secrets, so that what it says of them is masked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache, partial
from typing import Any, TypeVar

from perfkit.errors import BudgetExceeded, DeliveryFailed
from perfkit.model import Sink, Violation
from perfkit.sinks.delivery.layer import Layer, layers_of
from perfkit.sinks.delivery.signals import is_signal_exception
from perfkit.sinks.redaction.redactor import Redactor

_R = TypeVar("_R")


def redacting(sink: Sink, secrets: Collection[str]) -> Sink:
    """Return `sink` so that neither its failures nor its texts say any of `secrets`.

    Where `sink` is made of layers, the innermost stands behind what masks; they say nothing of it.
    """
    mask = Redactor(secrets)
    if not mask:
        return sink
    layers = layers_of(sink)
    ending = layers[-1]
    supports_batch = callable(getattr(type(ending), "emit_many", None))
    masked = _RedactingBatchSink(ending, mask) if supports_batch else RedactingSink(ending, mask)
    if len(layers) == 1:
        return masked
    around = layers[-2]
    assert isinstance(around, Layer)  # noqa: S101 - only layers wrap
    around.inner = masked
    return sink


class RedactingSink:
    """Passes everything on to a sink, and masks secrets in what that raises and says of itself.

    A failure that tells a secret is raised as one of the same name that does not, and without its
    cause. It is a `DeliveryFailed`, a `TimeoutError` or an `OSError` where it was one, so that the
    layers treat it alike. Safe from any thread if the sink is.

    Args:
        sink: What takes the violations.
        mask: Hides what it was given.
    """

    def __init__(self, sink: Sink, mask: Redactor) -> None:
        self._sink = sink
        self._mask = mask

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the sink: ``destination``, ``flush`` and all that is optional."""
        if name.startswith("_"):  # also while it is being copied, and there is no sink yet
            raise AttributeError(name)
        found = getattr(self._sink, name)
        if name == "flush" and callable(found):
            return partial(self._call, found)
        return self._mask(found) if isinstance(found, str) else found

    def __repr__(self) -> str:
        return self._mask(repr(self._sink))

    def emit(self, violation: Violation) -> None:
        """Give it one violation."""
        self._call(self._sink.emit, violation)

    def tick(self) -> float | None:
        """Let it do what is due, if it ever has anything due."""
        sink: Any = self._sink
        return self._call(sink.tick) if callable(getattr(type(sink), "tick", None)) else None

    def _call(self, function: Callable[..., _R], *args: Any) -> _R:
        try:
            return function(*args)
        except BudgetExceeded:
            raise
        except BaseException as error:  # also SystemExit may have a text
            masked = error if is_signal_exception(error) else _masked(error, self._mask)
            if masked is error:
                raise
        raise masked  # out here, so that it does not have the other one as its context


class _RedactingBatchSink(RedactingSink):
    """The same for a sink that takes several violations at once."""

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Give it violations."""
        sink: Any = self._sink
        self._call(sink.emit_many, violations)


def _masked(error: BaseException, mask: Redactor) -> BaseException:
    """Return `error` itself if it tells no secret, else one that does not."""
    try:
        text, written = str(error), repr(error)
    except Exception as failure:  # any class may have methods of its own for that
        if is_signal_exception(failure):
            raise
        return error
    told = mask(text)
    if told == text and mask(written) == written:
        return error
    if isinstance(error, DeliveryFailed):
        return DeliveryFailed(
            told,
            is_permanent=error.is_permanent,
            retry_after=error.retry_after,
            is_too_large=error.is_too_large,
            reason=mask(error.reason),
        )
    kind: Any = type(error)  # mypy takes no class for hashable whose instances may be not
    return _of_its_name(kind)(told)


@lru_cache(maxsize=100)
def _of_its_name(kind: type[BaseException]) -> type[Exception]:
    """Return a kind of exception with the name of `kind` that holds a text and nothing else.

    It is the same one each time: a failure is logged once for each kind.
    """
    base = next(each for each in (TimeoutError, OSError, Exception) if _is_of(kind, each))
    return type(kind.__name__, (base,), {"__module__": kind.__module__})


def _is_of(kind: type[BaseException], base: type[Exception]) -> bool:
    return issubclass(kind, base) or base is Exception
