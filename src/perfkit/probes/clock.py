"""The machine's own clock."""

from __future__ import annotations

import time


class SystemClock:
    """The clock that perfkit uses unless a test sets another one."""

    monotonic_ns = staticmethod(time.perf_counter_ns)
    time_ns = staticmethod(time.time_ns)
