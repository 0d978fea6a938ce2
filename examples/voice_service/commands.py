"""The sentences that the service recognises, and their intents."""

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
"""The JSpeech Grammar Format. A closed grammar makes recognition reliable with a small model."""


class Action(StrEnum):
    """A request of a client."""

    EXERCISE = "exercise"
    BREATHE = "breathe"
    REPEAT = "repeat"
    PROGRESS = "progress"
    STOP = "stop"
    FEELING = "feeling"
    UNCLEAR = "unclear"


@frozen
class Intent:
    """The meaning of a sentence. `mood` is one of `MOODS` for a feeling, otherwise empty."""

    action: Action
    mood: str = ""


_BY_FIRST_WORD: Final = {
    "next": Action.EXERCISE,
    "help": Action.BREATHE,
    "repeat": Action.REPEAT,
    "show": Action.PROGRESS,
    "stop": Action.STOP,
}


def parse_intent(sentence: str) -> Intent:
    """Return the intent of `sentence`; its action is `UNCLEAR` if the service has none for it."""
    words = sentence.split()
    mood = next((word for word in words if word in MOODS), "")
    if mood:
        return Intent(Action.FEELING, mood)
    return Intent(_BY_FIRST_WORD.get(words[0] if words else "", Action.UNCLEAR))
