"""Every exception perfkit raises, in one place.

All of them derive from `PerfkitError`, so one ``except`` clause is enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from perfkit.model.verdict import Verdict
    from perfkit.model.violation import Violation


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
        verdicts: Every judgement of the call, also of the limits that it kept; empty where nobody
            knows them.
    """

    def __init__(self, violations: Iterable[Violation], verdicts: Iterable[Verdict] = ()) -> None:
        self.violations: tuple[Violation, ...] = tuple(violations)
        self.verdicts: tuple[Verdict, ...] = tuple(verdicts)
        super().__init__("\n".join(violation.describe() for violation in self.violations))

    def __reduce__(self) -> tuple[type[BudgetExceeded], tuple[object, object]]:
        return (BudgetExceeded, (self.violations, self.verdicts))


class DeliveryError(PerfkitError):
    """A sink could not deliver; raised by sinks, handled by the layers around them.

    Args:
        message: What happened, for people. It names no secret: of an address only scheme, host and
            port.
        is_permanent: Whether trying again with the same content cannot help.
        retry_after: Seconds to wait before trying again, as the receiver asked; None if it did not.
        is_too_large: Whether fewer violations at once may help.
        reason: One word for the count of what was dropped, such as ``"timeout"``.
    """

    def __init__(
        self,
        message: str,
        *,
        is_permanent: bool = False,
        retry_after: float | None = None,
        is_too_large: bool = False,
        reason: str = "failed",
    ) -> None:
        self.is_permanent = is_permanent
        self.retry_after = retry_after
        self.is_too_large = is_too_large
        self.reason = reason
        super().__init__(message)
