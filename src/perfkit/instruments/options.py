"""Turn the arguments of a decorator or a block into a request, once, with clear errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypedDict, cast

from perfkit.errors import BudgetError, UnitError
from perfkit.model.budget import EVIDENCE_KINDS, LIMITABLE, Metric
from perfkit.runtime.callsite_options import CallsiteOptions
from perfkit.text import suggest

if TYPE_CHECKING:
    from perfkit.model import Limit, Objective, Sink, Violation

    LimitValue: TypeAlias = (
        str
        | float
        | timedelta
        | Limit
        | tuple[str | float | timedelta, str | float | timedelta]
        | Mapping[str, Any]
        | Sequence[Mapping[str, Any]]
    )
    """What a limit may be written as: see `budget`."""

    SinkChoice: TypeAlias = str | Sink | Callable[[Violation], object]
    Spans: TypeAlias = Literal["always", "violations", "never"]


class BudgetOptions(TypedDict, total=False):
    """Keyword arguments of `budget` and of every decorator."""

    category: str
    critical: bool
    description: str
    spans: Spans
    on_violation: SinkChoice | Sequence[SinkChoice]
    objective: str | float | Objective | Mapping[str, Any]
    evidence: str | Sequence[str]
    duration: LimitValue
    first_item: LimitValue
    cpu_time: LimitValue
    process_cpu_time: LimitValue
    gc_time: LimitValue
    cpu_utilization: LimitValue
    memory_peak: LimitValue
    memory_net: LimitValue
    memory_growth: LimitValue
    memory_rss: LimitValue
    disk_write_rate: LimitValue
    disk_read_rate: LimitValue
    threads: LimitValue
    open_files: LimitValue
    throughput: LimitValue
    concurrency: LimitValue
    hit_ratio: LimitValue
    error_ratio: LimitValue
    scaling_exponent: LimitValue


class DecoratorOptions(BudgetOptions, total=False):
    """Keyword arguments of a decorator: `target` and `threshold` are of its own metric."""

    target: str | float | timedelta
    threshold: str | float | timedelta
    skip_nested: bool
    include_suspended: bool


class ProfilerOptions(DecoratorOptions, total=False):
    """Keyword arguments of a decorator that slows down what it measures."""

    every: int


_PLAIN: Final = ("category", "critical", "description", "spans")
_OTHERS: Final = ("on_violation", "objective", "evidence")
_FLAGS: Final = ("skip_nested", "include_suspended")
_SPANS: Final = ("always", "violations", "never")
_METRICS: Final = tuple(str(metric) for metric in LIMITABLE)


def callsite_options_of(
    name: str | None,
    options: Mapping[str, Any],
    *,
    own_metric: Metric | None = None,
    metrics: frozenset[Metric] = frozenset(),
    explain: frozenset[str] = frozenset(),
) -> CallsiteOptions:
    """Read the arguments of a door.

    Args:
        name: The budget's name; None for a place with limits of its own or none.
        options: The door's keyword arguments.
        own_metric: What `target` and `threshold` are of; None where the door has no such.
        metrics: Measured in any case.
        explain: Kinds of evidence to gather in any case.

    Raises:
        TypeError: If there is an argument that no door takes, or of the wrong type.
        BudgetError: If limits cannot be read; holds every problem.
    """
    _check_names(options, own_metric)
    if name is not None and not name.strip():
        raise BudgetError('the budget has an empty name; write one, such as "session_retrieval"')
    return CallsiteOptions(
        name=name,
        limits=_limits(options, own_metric),
        sinks=_sinks(options.get("on_violation")),
        objective=_objective(options.get("objective")),
        evidence=_evidence(options.get("evidence")),
        every=_every(options.get("every", 1)),
        metrics=metrics,
        explain=explain,
        **{key: options[key] for key in (*_PLAIN, *_FLAGS) if key in options},
    )


def _check_names(options: Mapping[str, Any], own_metric: Metric | None) -> None:
    known = [*_PLAIN, *_OTHERS, *_METRICS]
    if own_metric is not None:
        known += ["target", "threshold", *_FLAGS]
    if own_metric not in {None, Metric.DURATION}:
        known.append("every")
    for key in options:
        if key not in known:
            close = suggest(key, known)
            hint = f"did you mean {close!r}?" if close else f"it takes {', '.join(known)}"
            raise TypeError(f"perfkit knows no argument {key!r}; {hint}")
    spans = options.get("spans")
    if spans is not None and spans not in _SPANS:
        raise BudgetError(f'spans is {spans!r}; write "always", "violations" or "never"')


def _limits(options: Mapping[str, Any], own_metric: Metric | None) -> tuple[Limit, ...]:
    written = {key: options[key] for key in _METRICS if key in options}
    own = {key: options[key] for key in ("target", "threshold") if key in options}
    problems = []
    if own and own_metric is not None:
        if own_metric in written:
            problems.append(f"{own_metric} is given twice; write it, or target and threshold")
        written[str(own_metric)] = own
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


def _objective(written: object) -> Objective | None:
    if written is None:
        return None
    from perfkit.catalog.objectives import parse_objective  # noqa: PLC0415 - for code with one

    try:
        return parse_objective(written)
    except (UnitError, BudgetError) as error:
        raise BudgetError(f"objective: {error}") from None


def _evidence(kinds: object) -> tuple[str, ...] | None:
    if kinds is None:
        return None
    named = (kinds,) if isinstance(kinds, str) else tuple(cast("Sequence[str]", kinds))
    for kind in named:
        if kind not in EVIDENCE_KINDS:
            choices = ", ".join(map(repr, EVIDENCE_KINDS))
            raise BudgetError(f"evidence: {kind!r} is no kind of evidence; write some of {choices}")
    return named


def _every(number: object) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise BudgetError(f"every is {number!r}; write how many calls, such as 100")
    return number


def _sinks(choice: object) -> tuple[Sink | str, ...] | None:
    if choice is None:
        return None
    many = choice if isinstance(choice, list | tuple) else (choice,)
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
    raise TypeError(f"{choice!r} is no sink; give a name, a callable, or an object with emit()")
