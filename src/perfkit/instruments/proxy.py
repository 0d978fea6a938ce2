"""A transparent proxy around a callable, where a closure would change its behaviour."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from typing import Any

import wrapt

Run = Callable[[Any, Any, tuple[Any, ...], dict[str, Any]], Any]
"""Runs one call: the wrapped callable (bound, if it binds), the instance, arguments, keywords."""


class MeasuredProxy(wrapt.FunctionWrapper):  # type: ignore[type-arg]  # not generic at run time
    """A proxy that looks and behaves like the wrapped callable, and measures its calls.

    Pickles by name if the name resolves to it, else as the wrapped callable and a new proxy.

    Args:
        wrapped: The callable.
        run: Runs one call of it.
        again: Measures another callable in the same way; must be picklable.
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
