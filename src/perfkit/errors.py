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

    The message quotes the text and names a correct form.
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
        feature: The feature that needs it, as a noun phrase for the message.
        extra: The extra that installs the dependency.
    """

    def __init__(self, feature: str, extra: str) -> None:
        self.feature = feature
        self.extra = extra
        super().__init__(
            f"{feature} needs the '{extra}' extra; install it with: pip install 'perfkit[{extra}]'"
        )


class BudgetExceeded(PerfkitError):  # noqa: N818 - reads as the event that it is
    """A call violated its budget, and the raise sink is one of its sinks.

    Args:
        violations: The violations of one call; at least one.
        verdicts: Every verdict of the call, also on the limits that it met; empty if not recorded.
    """

    def __init__(self, violations: Iterable[Violation], verdicts: Iterable[Verdict] = ()) -> None:
        self.violations: tuple[Violation, ...] = tuple(violations)
        self.verdicts: tuple[Verdict, ...] = tuple(verdicts)
        super().__init__("\n".join(violation.describe() for violation in self.violations))

    # An exception pickles as its class with `args`, here the message: a worker process of
    # multiprocessing would fail to return it.
    def __reduce__(self) -> tuple[type[BudgetExceeded], tuple[object, object]]:
        return (BudgetExceeded, (self.violations, self.verdicts))


class DeliveryError(PerfkitError):
    """A sink could not deliver; raised by sinks, handled by the layers around them.

    Args:
        message: The failure, for people, without secrets: of an address only scheme, host and port.
        is_permanent: Whether trying again with the same content cannot help.
        retry_after: Seconds to wait before trying again, from the receiver; None for no such wait.
        is_too_large: Whether fewer violations at once may help.
        reason: One word for the counts of dropped violations, such as ``"timeout"``.
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
