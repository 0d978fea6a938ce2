"""Hand violations to a function."""

from __future__ import annotations

from collections.abc import Callable

from perfkit.model import Violation


class CallbackSink:
    """Calls a function with each violation, in the thread of the measured call.

    Args:
        function: Takes one `Violation`; what it returns is dropped.
    """

    def __init__(self, function: Callable[[Violation], object]) -> None:
        self.function = function

    def emit(self, violation: Violation) -> None:
        """Call the function."""
        self.function(violation)
