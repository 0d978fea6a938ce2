"""Every plug of perfkit on one page: implement one of these to extend it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from perfkit.model.budget import Budget, Metric
from perfkit.model.measurement import CodeLocation, Evidence, Measurement, Reading, SpanIds
from perfkit.model.verdict import Verdict
from perfkit.model.violation import Violation


class Clock(Protocol):
    """Tells the time. Replaced in tests by `perfkit.testing.FakeClock`."""

    def monotonic_ns(self) -> int:
        """Return nanoseconds from an arbitrary start; never goes back."""

    def time_ns(self) -> int:
        """Return nanoseconds since the Unix epoch."""


class ProbeSession(Protocol):
    """One probe at work on one call.

    A call that suspends (a coroutine) is resumed and suspended at each step, so that what runs in
    between is not counted. All methods are called in the thread that runs the step.
    """

    def resume(self) -> None:
        """Start or go on measuring: the measured code is about to run in this thread."""

    def suspend(self) -> None:
        """Stop measuring for now: the measured code has stopped running."""

    def close(self) -> Mapping[Metric, Reading]:
        """End the session, after the last `suspend`, and return what was measured."""

    def evidence(self) -> Sequence[Evidence]:
        """Return what explains the readings; called once, after `close`."""


class Probe(Protocol):
    """Reads one aspect of the machine. One instance serves all calls; sessions hold the state."""

    @property
    def metrics(self) -> frozenset[Metric]:
        """What its sessions read."""

    @property
    def explains(self) -> str:
        """The kind of evidence that its sessions give, such as ``"cpu"``; empty for none."""

    @property
    def slows(self) -> str:
        """What makes the duration of the measured code untrue, such as ``"cProfile"``, or empty."""

    def open(self) -> ProbeSession:
        """Begin a session, not yet measuring. Must be safe from any thread."""


class Observation(Protocol):
    """One observer's view of one call, from its start to its end."""

    def stop(self, measurement: Measurement, verdicts: Sequence[Verdict]) -> SpanIds | None:
        """Take in how the call went; return the span that stands for it, if one was made.

        Called once, in reverse order of start.
        """


@runtime_checkable
class SteppedObservation(Observation, Protocol):
    """An observation that also hears when a generator rests and goes on.

    In between, its consumer's code runs: a span that is current must not be so meanwhile.
    """

    def suspend(self) -> None:
        """Note that the code rests until its consumer wants the next item."""

    def resume(self) -> None:
        """Note that the code is about to go on."""


class Observer(Protocol):
    """Sees every call start and stop, for example to make its span current meanwhile."""

    def start(self, budget: Budget, where: CodeLocation, started_ns: int) -> Observation | None:
        """Note that a call starts; None if this call is of no interest.

        Args:
            budget: The promise that the call is held to.
            where: The measured place.
            started_ns: Nanoseconds since the Unix epoch.
        """


@runtime_checkable
class Sink(Protocol):
    """Takes violations to where somebody hears of them.

    `emit` may be called from any thread, several at once, also inside a running event loop. It
    should return quickly and not raise: what it raises is logged once, counted, and goes no
    further.
    """

    def emit(self, violation: Violation) -> None:
        """Deliver one violation."""
