"""The sentences that the service understands, and what they mean."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from attrs import frozen

MOODS: Final = ("calm", "anxious", "tired", "happy", "sad", "lonely", "angry")

GRAMMAR: Final = f"""#JSGF V1.0;
grammar voice_service;
public <sentence> = <command> | <feeling>;
<command> = next exercise | help me breathe | repeat (that | please)
          | show my progress | stop the session;
<feeling> = i (feel | am feeling) [very] ({" | ".join(MOODS)}) [today | tonight];
"""
"""In the JSpeech Grammar Format. A closed grammar is what makes a small model hear reliably."""


class Action(StrEnum):
    """What a client can ask for."""

    EXERCISE = "exercise"
    BREATHE = "breathe"
    REPEAT = "repeat"
    PROGRESS = "progress"
    STOP = "stop"
    FEELING = "feeling"
    UNCLEAR = "unclear"


@frozen
class Intent:
    """What somebody meant. `mood` is one of `MOODS` where they said how they feel, else empty."""

    action: Action
    mood: str = ""


_BY_FIRST_WORD: Final = {
    "next": Action.EXERCISE,
    "help": Action.BREATHE,
    "repeat": Action.REPEAT,
    "show": Action.PROGRESS,
    "stop": Action.STOP,
}


def understand(sentence: str) -> Intent:
    """Return what `sentence` asks for; `UNCLEAR` if it is nothing that the service knows."""
    words = sentence.split()
    mood = next((word for word in words if word in MOODS), "")
    if mood:
        return Intent(Action.FEELING, mood)
    return Intent(_BY_FIRST_WORD.get(words[0] if words else "", Action.UNCLEAR))
