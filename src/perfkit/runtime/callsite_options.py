"""The options of a decorator or a block, parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from perfkit.model import Limit, Metric, Objective, Sink


@frozen(kw_only=True, repr=False)
class CallsiteOptions:
    """The options of a decorator or a block.

    Args:
        name: A budget of the catalog; None where only the limits here count.
        limits: Limits written in code; they replace the catalog's for the same metric.
        category, critical, description, spans: Replace the catalog's where not None.
        sinks: Sinks or names of sinks for violations here; None means those of the settings.
        metrics: Measured here even where no limit needs them.
        explain: Kinds of evidence to gather at every call, such as ``"cpu"``.
        objective: The share of calls that are to be good; replaces the catalog's where not None.
        evidence: Kinds of evidence to gather after a violation; likewise.
        every: Only the first of so many calls runs the probes that slow it down; at least 1.
        sample_rate: The probability that a call runs them, from 0 to 1.
        skip_nested: Measure only the outer one of nested calls.
        include_suspended: Let the duration of a generator include the time between its steps.
    """

    name: str | None = None
    limits: tuple[Limit, ...] = ()
    category: str | None = None
    critical: bool | None = None
    description: str | None = None
    spans: str | None = None
    sinks: tuple[Sink | str, ...] | None = None
    metrics: frozenset[Metric] = frozenset()
    explain: frozenset[str] = frozenset()
    objective: Objective | None = None
    evidence: tuple[str, ...] | None = None
    every: int = 1
    sample_rate: float = 1.0
    skip_nested: bool = False
    include_suspended: bool = False

    @property
    def sampled_out_reason(self) -> str:
        """The reason in readings of calls that were not sampled."""
        if self.sample_rate < 1:
            return f"{self.sample_rate:.3g} of calls are measured"
        return f"one call in {self.every} is measured"


inline_lines: Final[set[tuple[Metric, float]]] = set()
"""The targets and thresholds of the callsites so far, at most about 200."""

# Bounded, because a block in a loop may compute another limit each time.
_MOST_INLINE_LINES: Final = 200


def remember_lines(options: CallsiteOptions) -> None:
    """Add the targets and thresholds of `options` to `inline_lines`."""
    for limit in options.limits:
        if len(inline_lines) < _MOST_INLINE_LINES:
            inline_lines.update({(limit.metric, limit.target), (limit.metric, limit.threshold)})
