"""The decorators: `timed`, `memory_profiled`, `cpu_profiled`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, Unpack, overload

from perfkit.instruments.options import (
    CPU_PROFILED,
    MEMORY_PROFILED,
    TIMED,
    DecoratorOptions,
    EntryPoint,
    ProfilerOptions,
    callsite_options_of,
)
from perfkit.instruments.wrapping import wrap

F = TypeVar("F", bound=Callable[..., Any])


class Decorator(Protocol):
    """A decorator that leaves the type of a function as it is."""

    def __call__(self, function: F, /) -> F:
        """Return `function`, measured."""


@overload
def timed(function: F, /) -> F: ...
@overload
def timed(name: str | None = None, /, **options: Unpack[DecoratorOptions]) -> Decorator: ...
def timed(name: Any = None, /, **options: Any) -> Any:
    """Measure the duration of each call, and evaluate it against a budget.

    Use it without arguments (measured, and named after the function), with the name of a budget of
    the catalog, or with limits:

    >>> @timed(target="100ms", threshold="300ms", category="database", critical=True)
    ... def load_session(key):
    ...     return key

    Args:
        name: A budget of the catalog. Limits in the arguments replace the catalog's for the same
            metric; with them, the name need not be in the catalog.
        **options: `target` and `threshold` of the duration (``"100ms"``, a timedelta, or a number
            of seconds; a threshold alone is the target too), a limit for any other metric by its
            name, and `category`, `critical`, `description`, `spans`, `sinks`, `on_violation`,
            `objective`, `evidence` as for `budget`. ``skip_nested=True`` measures only the
            outermost of nested calls. ``include_suspended=True`` adds the time between the steps of
            a generator to its duration.

    Raises:
        TypeError: If the decorated object cannot be measured, or an argument is unknown.
        BudgetError: If a limit cannot be parsed.

    Works on every callable: functions, coroutine functions, generators, async generators, methods,
    static and class methods, properties, cached properties, partials, objects with ``__call__``,
    builtins, and classes (their construction). Safe under recursion, threads and tasks: each call
    is measured separately. The duration of a coroutine includes the time it waits; that of a
    generator is the time it runs, without its consumer's.
    """
    return _decorate(TIMED, name, options)


@overload
def memory_profiled(function: F, /) -> F: ...
@overload
def memory_profiled(
    name: str | None = None, /, **options: Unpack[ProfilerOptions]
) -> Decorator: ...
def memory_profiled(name: Any = None, /, **options: Any) -> Any:
    """Measure the peak of the Python heap that each call adds, and how much the process grows.

    `target` and `threshold` are of ``memory_peak``, in bytes (``"50MB"``). Tracing allocations
    makes code 2 to 30 times slower, so in production trace only some calls, and time the others:
    ``every=100`` traces the first of each hundred calls; ``sample_rate=0.01`` traces each call with
    that probability, drawn independently. Traced calls are left out of the duration metrics, and of
    duration verdicts unless the budget limits both.

    Arguments, errors and safety are as for `timed`. Concurrent coroutines are measured separately;
    calls in two threads at once are marked contended.
    """
    return _decorate(MEMORY_PROFILED, name, options)


@overload
def cpu_profiled(function: F, /) -> F: ...
@overload
def cpu_profiled(name: str | None = None, /, **options: Unpack[ProfilerOptions]) -> Decorator: ...
def cpu_profiled(name: Any = None, /, **options: Any) -> Any:
    """Measure the CPU time of each call, and profile it: the top functions are its evidence.

    `target` and `threshold` are of ``cpu_time``, in seconds (``"50ms"``), and include the cost of
    the profiler. In production profile only some calls, by ``every`` or ``sample_rate`` as for
    `memory_profiled`. Profiled calls are left out of duration metrics and verdicts. While another
    profiler is active, the evidence has the note ``profiler_busy`` instead.

    Arguments, errors and safety are as for `timed`.
    """
    return _decorate(CPU_PROFILED, name, options)


def _decorate(entry_point: EntryPoint, name: Any, options: dict[str, Any]) -> Any:
    """Decorate for ``@timed``; return a decorator for ``@timed(...)``, its options parsed once."""
    if name is not None and not isinstance(name, str):
        return wrap(name, callsite_options_of(entry_point, None, options))
    callsite_options = callsite_options_of(entry_point, name, options)

    def decorator(function: F) -> F:
        return wrap(function, callsite_options)

    return decorator
