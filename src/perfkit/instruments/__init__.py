"""The doors that users put into their code."""

from perfkit.instruments.budget_block import BudgetBlock, budget
from perfkit.instruments.decorators import cpu_profiled, memory_profiled, timed
from perfkit.instruments.monitor import monitor
from perfkit.instruments.ratio import Ratio, ratio
from perfkit.instruments.spent import Spent

__all__ = [
    "BudgetBlock",
    "Ratio",
    "Spent",
    "budget",
    "cpu_profiled",
    "memory_profiled",
    "monitor",
    "ratio",
    "timed",
]
