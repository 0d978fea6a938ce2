"""Parse the arguments of a decorator or a block, once for all calls, with clear errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

from attrs import frozen

from perfkit.errors import BudgetError, UnitError
from perfkit.model.budget import EVIDENCE_KINDS, LIMITABLE, Metric
from perfkit.model.limit_options import LimitOptions
from perfkit.runtime.callsite_options import CallsiteOptions
from perfkit.text import suggest

if TYPE_CHECKING:
    from perfkit.model import Limit, Objective, Sink, Violation

    SinkChoice: TypeAlias = str | Sink | Callable[[Violation], object]
    Spans: TypeAlias = Literal["always", "violations", "never"]


class BudgetOptions(LimitOptions, total=False):
    """Keyword arguments of `budget`, `ratio` and every decorator."""

    category: str
    critical: bool
    description: str
    spans: Spans
    sinks: SinkChoice | Sequence[SinkChoice]
    on_violation: SinkChoice
    objective: str | float | Objective | Mapping[str, Any]
    evidence: str | Sequence[str]


class DecoratorOptions(BudgetOptions, total=False):
    """Keyword arguments of `timed`."""

    skip_nested: bool
    include_suspended: bool


class ProfilerOptions(DecoratorOptions, total=False):
    """Keyword arguments of a decorator that slows down the code that it measures."""

    every: int
    sample_rate: float


_OWN: Final = ("target", "threshold")
_PLAIN: Final = ("category", "critical", "description", "spans")
_PARSED: Final = ("sinks", "on_violation", "objective", "evidence")
_FLAGS: Final = ("skip_nested", "include_suspended")
_SAMPLING: Final = ("every", "sample_rate")
_SPANS: Final = ("always", "violations", "never")
_METRICS: Final = tuple(str(metric) for metric in LIMITABLE)


@frozen
class EntryPoint:
    """A public function with options: its name for messages, and the metric of its `target`.

    Args:
        extra: The options that it accepts beside those of `budget`.
        metrics: Metrics that it measures even without a limit.
        explain: Kinds of evidence that it gathers at every call.
    """

    name: str
    metric: Metric
    extra: tuple[str, ...] = ()
    metrics: frozenset[Metric] = frozenset()
    explain: frozenset[str] = frozenset()


BUDGET: Final = EntryPoint("budget", Metric.DURATION)
RATIO: Final = EntryPoint("ratio", Metric.HIT_RATIO)
TIMED: Final = EntryPoint("timed", Metric.DURATION, _FLAGS)
MEMORY_PROFILED: Final = EntryPoint(
    "memory_profiled",
    Metric.MEMORY_PEAK,
    _FLAGS + _SAMPLING,
    frozenset({Metric.MEMORY_PEAK, Metric.MEMORY_NET, Metric.MEMORY_GROWTH}),
)
CPU_PROFILED: Final = EntryPoint(
    "cpu_profiled",
    Metric.CPU_TIME,
    _FLAGS + _SAMPLING,
    frozenset({Metric.CPU_TIME}),
    frozenset({"cpu"}),
)


def callsite_options_of(
    entry_point: EntryPoint, name: str | None, options: Mapping[str, Any]
) -> CallsiteOptions:
    """Parse the keyword arguments of an entry point.

    Without a name, the limits are of the place alone.

    Raises:
        TypeError: If the entry point does not accept an argument, or the type of one is wrong.
        BudgetError: If limits cannot be parsed; the message lists every problem.
    """
    _check_names(entry_point.name, options, (*_OWN, *_PLAIN, *_PARSED, *entry_point.extra))
    spans = options.get("spans")
    if spans is not None and spans not in _SPANS:
        raise BudgetError(f'spans is {spans!r}; write "always", "violations" or "never"')
    if name is not None and not name.strip():
        raise BudgetError('the budget has an empty name; write one, such as "session_retrieval"')
    return CallsiteOptions(
        name=name,
        limits=_limits(options, entry_point.metric),
        sinks=_sinks(options),
        objective=parse_objective(options.get("objective")),
        evidence=_evidence(options.get("evidence")),
        every=_every(options),
        sample_rate=_sample_rate(options.get("sample_rate", 1.0)),
        metrics=entry_point.metrics,
        explain=entry_point.explain,
        **{key: options[key] for key in (*_PLAIN, *_FLAGS) if key in options},
    )


def parse_limits_of_budget(
    options: Mapping[str, Any], other_names: Sequence[str]
) -> tuple[Limit, ...]:
    """Parse the limits among the keyword arguments of `perfkit.Budget`.

    The names of its other arguments are for messages.

    Raises:
        TypeError: If a key is not the name of a metric.
        BudgetError: If limits cannot be parsed; the message lists every problem.
    """
    _check_names("Budget", options, (*_OWN, *other_names))
    return _limits(options, Metric.DURATION)


def parse_objective(written: object) -> Objective | None:
    """Parse an objective such as ``"99.9%"``; None stays None.

    Raises:
        BudgetError: If it cannot be parsed.
    """
    if written is None:
        return None
    from perfkit.catalog.objectives import parse_objective as parse  # noqa: PLC0415 - seldom needed

    try:
        return parse(written)
    except (UnitError, BudgetError) as error:
        raise BudgetError(f"objective: {error}") from None


def _check_names(function: str, options: Iterable[str], names: Sequence[str]) -> None:
    # `Unpack` is for type checkers: at run time every keyword arrives here.
    for key in options:
        if key in names or key in _METRICS:
            continue
        meant = suggest(key, (*names, *_METRICS))
        raise TypeError(
            f"{function}() has no argument {key!r}{f'; did you mean {meant!r}?' if meant else ''}\n"
            f"{function}() takes: a name, {', '.join(names)}, and a limit for any metric by its "
            f"name: {', '.join(_METRICS)}"
        )


def _limits(options: Mapping[str, Any], own_metric: Metric) -> tuple[Limit, ...]:
    own = {key: options[key] for key in _OWN if key in options}
    written = {str(own_metric): own} if own else {}
    written |= {key: options[key] for key in _METRICS if key in options}
    problems = []
    if own and own_metric in options:
        problems.append(f"{own_metric} is given twice; write it, or target and threshold")
    if written:
        from perfkit.catalog.limits import parse_limits  # noqa: PLC0415 - for limits in code only
    limits: list[Limit] = []
    for key, value in written.items():
        try:
            limits.extend(parse_limits(Metric(key), value))
        except (UnitError, BudgetError) as error:
            problems.append(f"{key}: {error}")
    if problems:
        raise BudgetError("; ".join(problems))
    return tuple(limits)


def _evidence(kinds: object) -> tuple[str, ...] | None:
    if kinds is None:
        return None
    named = (kinds,) if isinstance(kinds, str) else tuple(cast("Sequence[str]", kinds))
    for kind in named:
        if kind not in EVIDENCE_KINDS:
            choices = ", ".join(map(repr, EVIDENCE_KINDS))
            raise BudgetError(
                f"evidence: {kind!r} is not a kind of evidence; write some of {choices}"
            )
    return named


def _every(options: Mapping[str, Any]) -> int:
    # A bool is an int in Python, and `every=True` is a mistake.
    every = options.get("every", 1)
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise BudgetError(f"every is {every!r}; write a number of calls, such as 100")
    if all(key in options for key in _SAMPLING):
        raise BudgetError("every and sample_rate are both given; write one of them")
    return every


def _sample_rate(rate: object) -> float:
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
        raise BudgetError(f"sample_rate is {rate!r}; write a share of calls from 0 to 1")
    return float(rate)


def _sinks(options: Mapping[str, Any]) -> tuple[Sink | str, ...] | None:
    chosen, short = options.get("sinks"), options.get("on_violation")
    if short is not None:
        if chosen is not None:
            raise TypeError("sinks and on_violation are both given; write sinks=[...] with all")
        if isinstance(short, list | tuple):
            raise TypeError("on_violation is for a single sink; write sinks=[...]")
        chosen = short
    if chosen is None:
        return None
    # A sink may be iterable itself, so only lists and tuples count as several.
    many = chosen if isinstance(chosen, list | tuple) else (chosen,)
    return tuple(as_sink(one) for one in many)


def as_sink(choice: object) -> Sink | str:
    """Return `choice` as a sink, or as the name of one; any callable of one violation is a sink.

    Raises:
        TypeError: If it is none of these.
    """
    if isinstance(choice, str) or callable(getattr(choice, "emit", None)):
        return cast("Sink | str", choice)
    if callable(choice):
        from perfkit.sinks.builtin.callback import CallbackSink  # noqa: PLC0415 - for callables only

        return CallbackSink(choice)
    raise TypeError(f"{choice!r} is not a sink; write a name, a callable, or an object with emit()")
