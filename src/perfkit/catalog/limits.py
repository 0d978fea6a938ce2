"""Parse a limit from the data of a catalog file or from an argument in code."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Any, Final

from perfkit.catalog.bounds import Bound, read_bound
from perfkit.catalog.fields import Field, choice, field_table, read_duration, read_keys, read_whole
from perfkit.catalog.problems import Problems, quoted
from perfkit.errors import BudgetError
from perfkit.model import DEFAULT_WINDOW_SECONDS, Direction, Limit, Metric, Statistic
from perfkit.model.budget import LIMITABLE, one_of
from perfkit.units import EXAMPLES

OF_OBJECTIVES: Final = 'burn_rate is judged for an objective; write objective = "99.9%" instead'
"""The message for a limit on the burn rate."""


def parse_limit(metric: Metric, value: object) -> Limit:
    """Parse one limit on `metric` from an argument in code.

    Args:
        metric: The limited metric.
        value: The threshold, which is also the target: text such as ``"2s"`` or ``">= 95%"``, a
            number in the metric's base unit, or a timedelta. Or a pair of those, target first;
            or a mapping with the keys in `LIMIT_KEYS`; or a `Limit`, which is returned unchanged.

    Raises:
        UnitError: If a quantity cannot be parsed.
        BudgetError: If the parts contradict each other, or a key is unknown.

    >>> parse_limit(Metric.DURATION, ("100ms", "300ms")).threshold
    0.3
    """
    problems = Problems((metric.value,), in_code=True)
    limit = read_limit(metric, value, problems)
    if limit is None or problems.found:
        raise problems.as_error()
    return limit


def parse_limits(metric: Metric, value: object) -> tuple[Limit, ...]:
    """Parse one limit on `metric`, or a list of limits; otherwise as `parse_limit`.

    >>> [limit.statistic.value for limit in parse_limits(Metric.DURATION, [
    ...     {"threshold": "100ms", "statistic": "p50"}, {"threshold": "1s", "statistic": "p99"},
    ... ])]
    ['p50', 'p99']
    """
    problems = Problems((metric.value,), in_code=True)
    limits = read_limits(metric, value, problems)
    if problems.found:
        raise problems.as_error()
    return limits


def read_limits(metric: Metric, value: object, problems: Problems) -> tuple[Limit, ...]:
    """Return those of a limit or a list of limits that could be parsed; report the others."""
    if metric not in LIMITABLE or not isinstance(value, list):
        limit = read_limit(metric, value, problems)
        return (limit,) if limit else ()
    if not value:
        problems.add(f"no limit in the list; write {metric} = {_example(metric)}")
    limits = []
    for index, item in enumerate(value):
        below = problems.below(index)
        if isinstance(item, Mapping | Limit):
            limits.append(read_limit(metric, item, below))
        else:
            below.add(f"{quoted(item)} is not a table; write {{ threshold = {_example(metric)} }}")
    return tuple(limit for limit in limits if limit)


def read_limit(metric: Metric, value: object, problems: Problems) -> Limit | None:
    """Parse one limit; add each problem to `problems`, and return None if there are any."""
    if metric not in LIMITABLE:
        problems.add(OF_OBJECTIVES)
        return None
    if isinstance(value, Limit):
        if value.metric is not metric:
            problems.add(f"this limit is on {value.metric}; write it as {value.metric} = ...")
        return value
    if isinstance(value, Mapping):
        return _read_table(metric, value, problems)
    if isinstance(value, tuple) and len(value) == len(_PAIR):
        pair = dict(zip(_PAIR, value, strict=True))
        return _read_table(metric, pair, problems)
    bound = read_bound(metric, value, problems)
    return _build(metric, {"threshold": bound}, problems) if bound else None


def _read_table(metric: Metric, table: Mapping[Any, Any], problems: Problems) -> Limit | None:
    # The list has the problems of the whole file, so only its growth counts for this table.
    seen = len(problems.found)
    given = {key: value for key, value in table.items() if (key, value) != ("window", None)}
    parts = read_keys(given, limit_fields(metric), problems)
    if "threshold" not in given:
        problems.add(f"no threshold; write threshold = {_example(metric)}")
    return _build(metric, parts, problems) if len(problems.found) == seen else None


def _build(metric: Metric, parts: Mapping[str, Any], problems: Problems) -> Limit | None:
    threshold: Bound = parts["threshold"]
    target: Bound = parts.get("target", threshold)
    written = (parts.get("direction"), target.direction, threshold.direction)
    directions = {each for each in written if each}
    if len(directions) > 1:
        problems.add('one part says "at most" and another "at least"; write one of < and > only')
        return None
    statistic = parts.get("statistic", metric.default_statistic)
    if "window" in parts and "statistic" not in parts and statistic is Statistic.EACH:
        # `Limit` rejects the window of an explicit ``statistic = "each"``. Here the statistic is
        # probably forgotten, so the remedy differs.
        problems.add('a window needs a statistic; write statistic = "p95" beside it')
        return None
    # A metric without a usual direction: a target above the threshold means that more is better.
    by_order = Direction.AT_LEAST if target.value > threshold.value else Direction.AT_MOST
    usual_window = None if statistic is Statistic.EACH else DEFAULT_WINDOW_SECONDS
    try:
        return Limit(
            metric=metric,
            target=target.value,
            threshold=threshold.value,
            direction=next(iter(directions), metric.default_direction or by_order),
            statistic=statistic,
            window=parts.get("window", usual_window),
            min_samples=parts.get("min_samples", 1),
        )
    except BudgetError as error:
        problems.add(str(error))
        return None


def _read_statistic(metric: Metric, value: Any, problems: Problems) -> Statistic | None:
    if value in metric.statistics:
        return Statistic(value)
    what = f"{metric} has no statistic {quoted(value)}"
    if value not in list(Statistic):
        what = f"{quoted(value)} is not a statistic"
    problems.add(f"{what}; write {one_of(metric.statistics)}")
    return None


@cache
def limit_fields(metric: Metric) -> Mapping[str, Field]:
    """Return the fields of a limit on `metric` that is written as a table. Cached."""
    return field_table(
        Field("target", partial(read_bound, metric)),
        Field("threshold", partial(read_bound, metric)),
        Field("statistic", partial(_read_statistic, metric)),
        Field("window", read_duration),
        Field("min_samples", read_whole),
        Field("direction", choice(*Direction)),
    )


def _example(metric: Metric) -> str:
    """Return a valid quantity of `metric` as TOML text, for a message."""
    return EXAMPLES[metric.unit].split(" or ")[0].split(", ")[0]


_PAIR: Final = ("target", "threshold")
LIMIT_KEYS: Final = tuple(limit_fields(Metric.DURATION))
"""The keys of a limit that is written as a table."""
