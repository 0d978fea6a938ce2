"""Wrap a callable to measure its calls. Distinguishes all kinds of callables.

A plain closure is used where a closure is enough: functions and coroutine functions. Everything
else (generator functions, builtins, partials, callable objects) gets a transparent proxy, which
costs more per call and preserves binding, attributes, equality and introspection.
"""

from __future__ import annotations

import copy
import functools
import inspect
import sys
import types
from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager, contextmanager
from time import perf_counter_ns
from typing import Any, Final, TypeVar, cast

import wrapt

from perfkit.instruments.stepping import drive, drive_async, in_steps_if_probed
from perfkit.instruments.tracked import await_tracked, run_tracked
from perfkit.model.violation import CodeLocation
from perfkit.runtime.callsite import Callsite
from perfkit.runtime.callsite_options import CallsiteOptions
from perfkit.runtime.state import state

F = TypeVar("F", bound=Callable[..., Any])
Run = Callable[[Any, Any, tuple[Any, ...], dict[str, Any]], Any]
"""Runs one call: the wrapped callable (bound, if it binds), the instance, arguments, keywords."""


def wrap(function: F, callsite_options: CallsiteOptions) -> F:
    """Return `function` with each call measured by `callsite_options`.

    Signature, name, docstring, kind, binding and pickling by name stay as they are.

    Raises:
        TypeError: If `function` cannot be called and measured; the message suggests the likely
            mistake.
    """
    return cast("F", _wrap(function, callsite_options))


def _wrap(function: Any, callsite_options: CallsiteOptions) -> Any:
    for container, rebuild in _CONTAINERS.items():
        if isinstance(function, container):
            return rebuild(function, callsite_options)
    if not callable(function):
        raise TypeError(
            f"a perfkit decorator needs a function, not {function!r}; "
            f"did you call the function, or forget the brackets of the decorator?"
        )
    if isinstance(function, type) and (same := _wrap_construction(function, callsite_options)):
        return same
    if (remade := _rewrap_context_manager(function, callsite_options)) is not None:
        return remade
    site = Callsite(callsite_options, where_is(function))
    run = _run_kind_of(_called(function))
    if type(function) is not types.FunctionType or run not in _CLOSURES:
        return MeasuredProxy(
            function, run(site), functools.partial(_wrap, callsite_options=callsite_options)
        )
    return functools.wraps(function)(_CLOSURES[run](function, site))


def where_is(function: Callable[..., Any]) -> CodeLocation:
    """Return the code location of `function`."""
    inner = inspect.unwrap(function)
    while isinstance(inner, functools.partial):
        inner = inspect.unwrap(inner.func)
    code = getattr(inner, "__code__", None)
    name = getattr(inner, "__qualname__", type(inner).__qualname__)
    module = getattr(inner, "__module__", None) or type(inner).__module__
    return CodeLocation(
        function=f"{module}.{name}",
        file=code.co_filename if code else "",
        line=code.co_firstlineno if code else 0,
    )


def _called(function: Any) -> Any:
    """Return the function that a call of `function` runs: for an object, its ``__call__``."""
    inner = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    if isinstance(inner, type) or inspect.isroutine(inner):
        return inner
    return type(inner).__call__


# -- functions and coroutine functions


# The fast path is repeated in each closure, and in `BudgetBlock`: a shared function would double
# its cost.


def _closure(function: Callable[..., Any], site: Callsite) -> Callable[..., Any]:
    def measured(*args: Any, **kwargs: Any) -> Any:
        if site.generation != state.generation:
            site.renew()
        if site.is_fast:
            began = perf_counter_ns()
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                site.settle(perf_counter_ns() - began, error)
                raise
            elapsed = perf_counter_ns() - began
            if elapsed <= site.within_limits_ns:
                durations = site.durations
                durations.append(elapsed)
                if len(durations) >= site.capacity:
                    site.drain()
            else:
                site.settle(elapsed, None)
            return result
        if site.is_tracked:
            return run_tracked(site, function, args, kwargs)
        if site.is_off or (call := site.begin()) is None:
            return function(*args, **kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            call.end(error)
            raise
        call.end(None)
        return result

    return measured


def _coroutine_closure(
    function: Callable[..., Coroutine[Any, Any, Any]], site: Callsite
) -> Callable[..., Coroutine[Any, Any, Any]]:
    async def measured(*args: Any, **kwargs: Any) -> Any:
        if site.generation != state.generation:
            site.renew()
        if site.is_fast:
            began = perf_counter_ns()
            try:
                result = await function(*args, **kwargs)
            except BaseException as error:
                site.settle(perf_counter_ns() - began, error)
                raise
            elapsed = perf_counter_ns() - began
            if elapsed <= site.within_limits_ns:
                durations = site.durations
                durations.append(elapsed)
                if len(durations) >= site.capacity:
                    site.drain()
            else:
                site.settle(elapsed, None)
            return result
        if site.is_tracked:
            return await await_tracked(site, function, args, kwargs)
        if site.is_off or (call := site.begin(in_steps=True)) is None:
            return await function(*args, **kwargs)
        try:
            coroutine = function(*args, **kwargs)
            result = await in_steps_if_probed(coroutine, call)
        except BaseException as error:
            call.end(error)
            raise
        call.end(None)
        return result

    return measured


# -- other callables than plain functions: proxies


class MeasuredProxy(wrapt.FunctionWrapper):  # type: ignore[type-arg]  # not generic at run time
    """A proxy that looks and behaves like the wrapped callable, and measures its calls by `run`.

    Pickles by name if the name resolves to it, else as the wrapped callable and `again`, which
    measures a callable in the same way.
    """

    def __init__(self, wrapped: Any, run: Run, again: Callable[[Any], Any]) -> None:
        super().__init__(wrapped, run)
        self._self_run = run
        self._self_again = again

    def __copy__(self) -> MeasuredProxy:
        return MeasuredProxy(copy.copy(self.__wrapped__), self._self_run, self._self_again)

    def __deepcopy__(self, memo: dict[int, Any]) -> MeasuredProxy:
        wrapped = copy.deepcopy(self.__wrapped__, memo)
        return MeasuredProxy(wrapped, self._self_run, self._self_again)

    def __reduce_ex__(self, protocol: object) -> str | tuple[Any, ...]:
        if _is_found_by_name(self):
            return str(self.__qualname__)
        return (self._self_again, (self.__wrapped__,))


def _is_found_by_name(proxy: Any) -> bool:
    # As `pickle` looks up a global; a method or a local function may be unreachable by its name.
    found: Any = sys.modules.get(getattr(proxy, "__module__", ""))
    for part in getattr(proxy, "__qualname__", "<nowhere>").split("."):
        found = getattr(found, part, None)
    return found is proxy


def _run_plain(site: Callsite) -> Run:
    def measured(wrapped: Any, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if (call := site.begin()) is None:
            return wrapped(*args, **kwargs)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            call.end(error)
            raise
        call.end(None)
        return result

    return measured


def _run_coroutine(site: Callsite) -> Run:
    def measured(wrapped: Any, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return _coroutine_closure(wrapped, site)(*args, **kwargs)

    return measured


def _run_generator(driven_by: Callable[[Any, Callsite, Any], Any]) -> Callable[[Callsite], Run]:
    def run(site: Callsite) -> Run:
        def measured(wrapped: Any, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            generator = wrapped(*args, **kwargs)
            if (plan := site.plan_for_items()) is None:
                return generator
            driver = driven_by(generator, site, plan)
            # Generators show these names in tracebacks and repr.
            driver.__name__, driver.__qualname__ = generator.__name__, generator.__qualname__
            return driver

        return measured

    return run


def _run_kind_of(called: Any) -> Callable[[Callsite], Run]:
    if inspect.isgeneratorfunction(called):
        return _run_generator(drive)
    if inspect.isasyncgenfunction(called):
        return _run_generator(drive_async)
    return _run_coroutine if inspect.iscoroutinefunction(called) else _run_plain


# -- containers of a function: the inner function is measured


def _rewrap_method(method: Any, callsite_options: CallsiteOptions) -> Any:
    return type(method)(_wrap(method.__func__, callsite_options))


def _rewrap_property(getter: property, callsite_options: CallsiteOptions) -> property:
    if getter.fset is not None or getter.fdel is not None:
        raise TypeError(
            "a property with a setter or deleter is several functions; "
            "put the perfkit decorator below @property or @NAME.setter, next to the function"
        )
    return type(getter)(_wrap(getter.fget, callsite_options), doc=getter.__doc__)


def _rewrap_cached_property(getter: Any, callsite_options: CallsiteOptions) -> Any:
    # A copy, because a new one would lack the name that the class has set.
    made = copy.copy(getter)
    made.func = _wrap(getter.func, callsite_options)
    return made


_CONTAINERS: Final[dict[type, Callable[[Any, CallsiteOptions], Any]]] = {
    staticmethod: _rewrap_method,
    classmethod: _rewrap_method,
    property: _rewrap_property,
    functools.cached_property: _rewrap_cached_property,
}


def _rewrap_context_manager(function: Any, callsite_options: CallsiteOptions) -> Any:
    """Return `function` measured below its ``@contextmanager``, if it has one; else None."""
    # Above it, a call only makes the context manager and runs none of the body.
    for decorator in (contextmanager, asynccontextmanager):
        made_by = decorator(_rewrap_context_manager).__code__
        if getattr(function, "__code__", None) is made_by:
            return decorator(_wrap(function.__wrapped__, callsite_options))
    return None


def _wrap_construction(cls: type, callsite_options: CallsiteOptions) -> type | None:
    """Measure the construction of exactly `cls`, in place; None where it cannot be changed.

    Measures ``__init__``, or ``__new__`` if the class has only that.
    """
    # The class itself is returned, so that subclassing, isinstance and pickling are unchanged.
    name = _name_of_constructor(cls)
    inherited = getattr(cls, name)
    own = inherited if name in vars(cls) else None
    site = Callsite(callsite_options, where_is(cls))

    def constructor(this: Any, *args: Any, **kwargs: Any) -> Any:
        # `super` follows the method resolution order of the actual subclass.
        build = own or getattr(super(cls, this), name)
        if own or name == "__new__":
            args = (this, *args)
        elif (args or kwargs) and getattr(build, "__objclass__", None) is object:
            args, kwargs = _what_object_takes(this, args, kwargs)
        made = this if name == "__new__" else type(this)
        if made is not cls or (call := site.begin()) is None:
            return build(*args, **kwargs)
        try:
            result = build(*args, **kwargs)
        except BaseException as error:
            call.end(error)
            raise
        call.end(None)
        return result

    functools.update_wrapper(constructor, inherited)
    if inherited is object.__init__:
        constructor.__signature__ = _TAKES_NOTHING  # type: ignore[attr-defined]  # for inspect
    try:
        setattr(cls, name, staticmethod(constructor) if name == "__new__" else constructor)
    # A class of an extension module is read-only: a proxy is the fallback.
    except TypeError:
        return None
    return cls


def _name_of_constructor(cls: type) -> str:
    own = vars(cls).keys() & {"__init__", "__new__"}
    new: Any = cls.__new__
    has_only_new = own == {"__new__"} or (
        not own
        and getattr(cls, "__init__") is object.__init__  # noqa: B009 - mypy forbids cls.__init__
        and new is not object.__new__
    )
    return "__new__" if has_only_new else "__init__"


def _what_object_takes(this: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Return the arguments for ``object.__init__``.

    Raises:
        TypeError: If neither ``__new__`` nor ``__init__`` of the class takes arguments.
    """
    cls = type(this)
    # `object.__init__` ignores arguments only if ``__new__`` is overridden and ``__init__`` is not;
    # the measured ``__init__`` counts as an override, so the rule is applied here.
    if inspect.unwrap(cls.__init__) is not object.__init__:
        return args, kwargs
    new: Any = cls.__new__
    if new is object.__new__:
        raise TypeError(f"{cls.__name__}() takes no arguments")
    return (), {}


_TAKES_NOTHING: Final = inspect.Signature(
    [inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)]
)

_CLOSURES: Final = {_run_plain: _closure, _run_coroutine: _coroutine_closure}
"""Kinds of functions for which a closure is enough."""
