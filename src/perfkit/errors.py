"""Every exception perfkit raises, in one place.

All of them derive from `PerfkitError`, so one ``except`` clause is enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from perfkit.model.verdict import Violation


class PerfkitError(Exception):
    """Base class of all exceptions that perfkit raises."""


class UnitError(PerfkitError, ValueError):
    """A quantity cannot be read: unknown unit, wrong dimension, not a number.

    The message says what was read and what to write instead.
    """


class BudgetError(PerfkitError, ValueError):
    """A budget or a limit contradicts itself, such as a target looser than its threshold."""


class CatalogError(PerfkitError, ValueError):
    """A catalog cannot be used. Carries every problem found, not only the first.

    Args:
        problems: One line each, in the form ``file:line: budget.key: what is wrong; what to
            write instead``.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems: tuple[str, ...] = tuple(problems)
        super().__init__("\n".join(self.problems))


class UnknownBudgetError(PerfkitError, LookupError):
    """A name is not in the catalog, and the ``unknown_budgets`` setting is ``"raise"``."""


class ConfigurationError(PerfkitError, ValueError):
    """A setting has a value that perfkit cannot use."""


class MissingExtraError(PerfkitError, ImportError):
    """An optional dependency is needed and not installed.

    Args:
        feature: What was asked for, as a person would say it.
        extra: The extra that brings it.
    """

    def __init__(self, feature: str, extra: str) -> None:
        self.feature = feature
        self.extra = extra
        super().__init__(
            f"{feature} needs the '{extra}' extra; install it with: pip install 'perfkit[{extra}]'"
        )


class BudgetExceeded(PerfkitError):  # noqa: N818 - a promise was exceeded; "Error" would say less
    """A call broke its budget and the raise sink was chosen for it.

    Args:
        violations: What was broken in this one call; at least one.
    """

    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations: tuple[Violation, ...] = tuple(violations)
        super().__init__("\n".join(violation.describe() for violation in self.violations))
