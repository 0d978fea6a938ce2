"""`ratio()`: count hits and misses outside of a block."""

from __future__ import annotations

from typing import Unpack

from perfkit.instruments.options import RATIO, BudgetOptions, callsite_options_of
from perfkit.model.violation import CodeLocation
from perfkit.runtime.callsite import Callsite
from perfkit.runtime.state import state


class Ratio:
    """Counts towards the ``hit_ratio`` of one budget. Safe from any thread and task."""

    def __init__(self, site: Callsite) -> None:
        self._site = site

    def hit(self, count: int = 1) -> None:
        """Count hits."""
        self._count(count, 0)

    def miss(self, count: int = 1) -> None:
        """Count misses."""
        self._count(0, count)

    def _count(self, hits: int, misses: int) -> None:
        site = self._site
        if site.generation != state.generation:
            site.renew()
        site.count_tries(hits, misses)


def ratio(name: str, /, **options: Unpack[BudgetOptions]) -> Ratio:
    """Count hits and misses towards the ``hit_ratio`` of a budget, anywhere in the code.

    >>> lookups = ratio("cache_hit", hit_ratio={"threshold": "> 85%", "window": "5m"})
    >>> cache = {"a": 1}
    >>> for key in "aab":
    ...     lookups.hit() if key in cache else lookups.miss()

    Inside a block, `BudgetResult.hit` and `BudgetResult.miss` do the same.

    Args:
        name: A budget of the catalog, or a new name for the limits in the arguments.
        **options: As for `budget`; `target` and `threshold` are of the hit ratio.

    Raises:
        TypeError: If an argument is unknown.
        BudgetError: If a limit cannot be parsed.
    """
    where = CodeLocation(function=f"ratio({name!r})")
    return Ratio(Callsite(callsite_options_of(RATIO, name, options), where))
