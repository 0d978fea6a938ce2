"""Reasons for a reading without a value that several probes share."""

from typing import Final

NEVER_RAN: Final = "the call ended before its first step"
FORKED: Final = "the process forked during the call, and this is the child"
NO_TIME: Final = "no time passed"
FIRST_READING: Final = "first reading"
