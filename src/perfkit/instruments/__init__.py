"""The entry points of the library for application code."""

from perfkit.instruments import options
from perfkit.instruments.budget_block import BudgetBlock, budget
from perfkit.instruments.budget_result import BudgetResult
from perfkit.instruments.decorators import cpu_profiled, memory_profiled, timed
from perfkit.instruments.monitor import monitor
from perfkit.instruments.ratio import Ratio, ratio
from perfkit.model import budget as _budget

__all__ = [
    "BudgetBlock",
    "BudgetResult",
    "Ratio",
    "budget",
    "cpu_profiled",
    "memory_profiled",
    "monitor",
    "ratio",
    "timed",
]

# The parser needs the catalog, which is built on the model: the model cannot import it.
_budget.option_parser = options
