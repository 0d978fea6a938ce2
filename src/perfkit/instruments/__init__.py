"""The doors that users put into their code."""

from perfkit.instruments.budget_block import BudgetBlock, Spent, budget
from perfkit.instruments.decorators import cpu_profiled, memory_profiled, timed

__all__ = ["BudgetBlock", "Spent", "budget", "cpu_profiled", "memory_profiled", "timed"]
