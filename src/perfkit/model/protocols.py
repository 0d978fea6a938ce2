"""The extension points of perfkit: implement one of these protocols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from perfkit.model.budget import Budget, Metric
from perfkit.model.measurement import Evidence, Measurement, Reading, SpanIds
from perfkit.model.verdict import Verdict
from perfkit.model.violation import CodeLocation, Violation


class Clock(Protocol):
    """Reads the time. Replaced in tests by `perfkit.testing.FakeClock`."""

    def monotonic_ns(self) -> int:
        """Return nanoseconds since an arbitrary start; they never decrease."""

    def time_ns(self) -> int:
        """Return nanoseconds since the Unix epoch."""


class ProbeSession(Protocol):
    """The measurement of one call by one probe.

    The session of a coroutine is resumed and suspended at each step, so that code that runs in
    between is not counted. All methods are called in the thread that runs the step.
    """

    def resume(self) -> None:
        """Start or continue measuring: the measured code is about to run in this thread."""

    def suspend(self) -> None:
        """Pause measuring: the measured code has stopped running."""

    def close(self) -> Mapping[Metric, Reading]:
        """End the session, after the last `suspend`, and return the readings."""

    def evidence(self) -> Sequence[Evidence]:
        """Return explanations of the readings; called once, after `close`."""


class Probe(Protocol):
    """Reads one aspect of the machine. One instance serves all calls; sessions have the state."""

    @property
    def metrics(self) -> frozenset[Metric]:
        """The metrics that its sessions read."""

    @property
    def explains(self) -> str:
        """The kind of evidence that its sessions return, such as ``"cpu"``; empty for none."""

    @property
    def slows(self) -> str:
        """The tool that lengthens measured durations, such as ``"cProfile"``; empty for none."""

    def open(self) -> ProbeSession:
        """Begin a session, not yet measuring. Must be safe from any thread."""


class Observation(Protocol):
    """One observer's view of one call, from its start to its end."""

    def stop(self, measurement: Measurement, verdicts: Sequence[Verdict]) -> SpanIds | None:
        """Process the end of the call; return its span, if one was made.

        Called once, in reverse order of start.
        """


@runtime_checkable
class SteppedObservation(Observation, Protocol):
    """An observation that is also notified when a generator suspends and resumes.

    In between, its consumer's code runs, and the generator's span must not be the current one.
    """

    def suspend(self) -> None:
        """Note that the generator suspends until its consumer requests the next item."""

    def resume(self) -> None:
        """Note that the generator is about to resume."""


class Observer(Protocol):
    """Is notified of the start and the end of every call."""

    def start(self, budget: Budget, where: CodeLocation, started_ns: int) -> Observation | None:
        """Note the start of a call; return None to ignore it.

        Args:
            budget: The budget that the call is judged by.
            where: The measured place.
            started_ns: Nanoseconds since the Unix epoch.
        """


@runtime_checkable
class Sink(Protocol):
    """Delivers violations.

    `emit` may be called from any thread, several at once, also inside a running event loop. It
    should return quickly and not raise: an exception is logged once, counted, and not propagated.
    """

    def emit(self, violation: Violation) -> None:
        """Deliver one violation."""
