"""Tell what did not arrive of violations that were given together.

A layer that raises says that all it was given is lost, and whoever gave it counts so. Where only
some are lost, because others have arrived or were held back, the layer counts those itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from perfkit.errors import DeliveryFailed
from perfkit.model import Sink, Violation
from perfkit.sinks.accounts import Account
from perfkit.sinks.layers.layer import hand_on, parts_of
from perfkit.sinks.process.interrupts import is_interrupt

Losses: TypeAlias = list[tuple[BaseException, Sequence[Violation]]]
"""What was lost, and by which failure."""


def losses_of(sink: Sink, violations: Sequence[Violation]) -> Losses:
    """Give `violations` to `sink`, those after a failure too; return what it did not take."""
    losses: Losses = []
    for part in parts_of(violations, sink) if violations else ():
        try:
            hand_on(sink, part)
        except BaseException as error:  # also SystemExit must not take others along
            if is_interrupt(error):
                raise
            losses.append((error, part))
    return losses


def settle(losses: Losses, given: int, account: Account) -> None:
    """Raise the first failure if all of so many `given` violations are lost, else count the lost.

    Raises:
        BaseException: The first failure, or what the listener of the account raises.
    """
    if losses and sum(len(part) for _, part in losses) == given:
        raise losses[0][0]
    count(losses, account)


def count(losses: Losses, account: Account) -> None:
    """Count all that is lost, then report each failure; raises what the listener raises."""
    for error, part in losses:
        reason = error.reason if isinstance(error, DeliveryFailed) else "failed"
        account.drop(reason, len(part))
    for error, _ in losses:
        account.report(error)
