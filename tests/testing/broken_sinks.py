"""Sinks that each make one mistake."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from typing import Any

from perfkit import DeliveryError, State, Violation


class Good:
    """What the broken ones are made of."""

    def __init__(self) -> None:
        self.heard: list[Violation] = []

    def emit(self, violation: Violation) -> Any:
        self.heard.append(violation)


class Async(Good):
    async def emit(self, violation: Violation) -> None:
        await asyncio.sleep(0)


class Promise:
    """Can be awaited, and is no coroutine."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class Promises(Good):
    def emit(self, violation: Violation) -> Promise:
        return Promise()


class Answers(Good):
    def emit(self, violation: Violation) -> bool:
        return True


class NoRecoveries(Good):
    def emit(self, violation: Violation) -> None:
        {State.DEGRADED: "info", State.VIOLATED: "error"}[violation.state]


class NoSurrogates(Good):
    def emit(self, violation: Violation) -> None:
        violation.budget.name.encode()


class Formats(Good):
    def emit(self, violation: Violation) -> None:
        violation.where.function % ()


class WritesDetails(Good):
    def emit(self, violation: Violation) -> None:
        [json.dumps(dict(each.detail)) for each in violation.evidence]


class Finite(Good):
    def emit(self, violation: Violation) -> None:
        int(violation.value)


class Changes(Good):
    def emit(self, violation: Violation) -> None:
        for each in violation.evidence:
            for row in each.rows:
                row.update(seen=True)  # type: ignore[attr-defined]  # that is the mistake


class ChangesDetails(Good):
    def emit(self, violation: Violation) -> None:
        for each in violation.evidence:
            each.detail.clear()  # type: ignore[attr-defined]  # that is the mistake


class Exits(Good):
    def emit(self, violation: Violation) -> None:
        sys.exit(1)


class OneAtATime(Good):
    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()

    def emit(self, violation: Violation) -> None:
        if not self.lock.acquire(blocking=False):
            raise RuntimeError("somebody else is here")
        time.sleep(0.002)
        self.lock.release()


class RunsALoop(Good):
    def emit(self, violation: Violation) -> None:
        loop = asyncio.new_event_loop()
        loop.call_soon(loop.stop)
        try:
            loop.run_forever()
        finally:
            loop.close()


class OnlyOne(Good):
    def emit_many(self, violations: Sequence[Violation]) -> None:
        if len(violations) > 100:
            raise ValueError("too many")


class Generates(Good):
    def emit_many(self, violations: Sequence[Violation]) -> Iterator[None]:
        return map(self.emit, violations)


class TicksWithNonsense(Good):
    def tick(self) -> Any:
        return -1.0


class TicksWithTruth(Good):
    def tick(self) -> Any:
        return True


class TicksAsync(Good):
    async def tick(self) -> None:
        await asyncio.sleep(0)


class FailsToTick(Good):
    def tick(self) -> None:
        raise KeyError("nothing")


class NeverFlushed(Good):
    def flush(self, seconds: float) -> bool:
        return False


class FlushesHow(Good):
    def flush(self, seconds: float) -> Any:
        return "done"


class FlushesWithout(Good):
    def flush(self) -> None:
        pass


class ClosesOnce(Good):
    is_closed = False

    def close(self) -> None:
        if self.is_closed:
            raise ValueError("closed already")
        self.is_closed = True


class ClosesInTime(ClosesOnce):
    def close(self, seconds: float) -> None:  # type: ignore[override]  # as layers have it
        super().close()


class SaysTwoLines(Good):
    destination = "first\nsecond"


class SaysNothing(Good):
    destination = ""


class CannotSay(Good):
    @property
    def destination(self) -> str:
        raise OSError("not connected")


class Prints(Good):
    def emit(self, violation: Violation) -> None:
        print("hello")  # noqa: T201 - that is the mistake


class PrintsErrors(Good):
    def emit(self, violation: Violation) -> None:
        sys.stderr.write("oh \udcff\n")


class ParentOnly(Good):
    def __init__(self) -> None:
        super().__init__()
        self.pid = os.getpid()

    def emit(self, violation: Violation) -> None:
        if os.getpid() != self.pid:
            raise RuntimeError("connection lost")


class LosesInChild(ParentOnly):
    def emit(self, violation: Violation) -> None:
        pass

    def flush(self, seconds: float) -> bool:
        return os.getpid() == self.pid


class DiesInChild(ParentOnly):
    def emit(self, violation: Violation) -> None:
        if os.getpid() != self.pid:
            os.kill(os.getpid(), signal.SIGKILL)


class WaitsForNonsense(Good):
    def emit(self, violation: Violation) -> None:
        if violation.is_test:
            raise DeliveryError("busy", retry_after=-1.0)


class FailsWithoutReason(Good):
    def emit(self, violation: Violation) -> None:
        if violation.is_test:
            raise DeliveryError("busy", reason="")
