"""Tell what did not arrive of violations that were given together.

A layer that raises says that all it was given is lost, and whoever gave it counts so. Where only
some are lost, because others have arrived or were held back, the layer counts those itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from perfkit.errors import DeliveryError
from perfkit.model import Sink, Violation
from perfkit.sinks.delivery.layer import forward, parts_of
from perfkit.sinks.delivery.signals import is_signal_exception
from perfkit.sinks.delivery.stats import DeliveryStats

PartialFailures: TypeAlias = list[tuple[BaseException, Sequence[Violation]]]
"""What was lost, and by which failure."""


def partial_failures_of(sink: Sink, violations: Sequence[Violation]) -> PartialFailures:
    """Give `violations` to `sink`, those after a failure too; return what it did not take."""
    partial_failures: PartialFailures = []
    for part in parts_of(violations, sink) if violations else ():
        try:
            forward(sink, part)
        except BaseException as error:  # also SystemExit must not take others along
            if is_signal_exception(error):
                raise
            partial_failures.append((error, part))
    return partial_failures


def raise_or_count(partial_failures: PartialFailures, given: int, stats: DeliveryStats) -> None:
    """Raise the first failure if all of so many `given` violations are lost, else count the lost.

    Raises:
        BaseException: The first failure, or what the listener of the account raises.
    """
    if partial_failures and sum(len(part) for _, part in partial_failures) == given:
        raise partial_failures[0][0]
    count(partial_failures, stats)


def count(partial_failures: PartialFailures, stats: DeliveryStats) -> None:
    """Count all that is lost, then report each failure; raises what the listener raises."""
    for error, part in partial_failures:
        reason = error.reason if isinstance(error, DeliveryError) else "failed"
        stats.drop(reason, len(part))
    for error, _ in partial_failures:
        stats.report(error)
