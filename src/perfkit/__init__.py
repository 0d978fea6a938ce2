"""Performance budgets, written down once and held everywhere."""
