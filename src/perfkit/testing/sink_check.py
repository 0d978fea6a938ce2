"""Check that a sink fulfils the contract of sinks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from perfkit.instruments.options import as_sink
from perfkit.model import Sink, Violation
from perfkit.testing.sink_deliveries import (
    WHAT_IT_TAKES,
    look_at_the_destination,
    try_a_plain_one,
)
from perfkit.testing.sink_surroundings import (
    try_after_a_fork,
    watching_what_it_changes,
    watching_what_it_prints,
)
from perfkit.testing.sink_trial import Problem, SinkHangsError, Trial

_MOST_NAMED: Final = 3


def check_sink(
    sink: Sink | Callable[[Violation], object],
    *,
    longest_seconds: float = 5.0,
    may_print: bool = False,
) -> None:
    """Check that a sink fulfils the contract of sinks; report all problems in one error.

    The sink receives violations of every kind (`sample_violations`): one by one, in a thread with a
    running event loop, from several threads at once, and in a forked child. It must accept them,
    return None, and change neither the violations nor the state of the process. If it has
    ``emit_many``, ``tick``, ``flush``, ``close`` or ``destination``, these are checked too;
    ``close`` is called last.

    Connect the sink to a fake of its backend: it delivers some hundred violations that look real.
    The caller can then check the content that arrived there.

    >>> from perfkit.testing import check_sink
    >>> heard = []
    >>> check_sink(heard.append)
    >>> len(heard) > 50
    True

    Args:
        sink: A sink, or a callable of one violation.
        longest_seconds: The timeout of one delivery; a multiple of it in checks with concurrent
            deliveries.
        may_print: Whether the sink may write to standard output and standard error.

    Raises:
        AssertionError: If there are problems; for each it lists the call, the wrong result and the
            correct behaviour.
        TypeError: If `sink` is not a sink.

    Not safe from two threads at once, as it compares global state of the process.
    """
    if isinstance(sink, type):
        raise TypeError(f"{sink.__name__} is a class; give check_sink what it makes")
    found = as_sink(sink)
    if isinstance(found, str):
        raise TypeError(f"{sink!r} is a name; give check_sink the sink itself")
    trial = Trial(found, longest_seconds)
    with (
        watching_what_it_prints(trial, may_print=may_print),
        watching_what_it_changes(trial),
        suppress(SinkHangsError),  # which is noted
    ):
        _try(trial)
    if trial.problems:
        raise AssertionError(_report(trial.name, trial.problems))


def _try(trial: Trial) -> None:
    look_at_the_destination(trial)
    known = len(trial.problems)
    if not try_a_plain_one(trial):
        return
    # A sink that fails in the parent would fail in the child too, and be reported twice.
    if len(trial.problems) == known:
        try_after_a_fork(trial)
    for check in WHAT_IT_TAKES:
        check(trial)


def _report(name: str, problems: Sequence[Problem]) -> str:
    """Return all problems as text; problems with equal result and remedy are one entry."""
    alike: dict[tuple[str, str], list[str]] = {}
    for problem in problems:
        alike.setdefault((problem.happened, problem.remedy), []).append(problem.done)
    count = f"{len(alike)} problem{'s' if len(alike) > 1 else ''}"
    lines = [f"{name} is not yet a sink as perfkit expects them: {count}"]
    for number, ((happened, remedy), done) in enumerate(alike.items(), start=1):
        lines += ["", f"{number}. {_together(done)}:", f"   {happened}.", f"   Instead: {remedy}."]
    return "\n".join(lines)


def _together(done: Sequence[str]) -> str:
    first, *others = done
    named = [first, *(each.removeprefix("emit, ") for each in others[: _MOST_NAMED - 1])]
    more = len(done) - len(named)
    return "; ".join(named) + (f"; and {more} more" if more else "")
