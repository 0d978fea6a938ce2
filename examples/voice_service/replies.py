"""The spoken replies of the service, of about a hundred characters each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from voice_service.commands import Action
from voice_service.store import MoodCount

EXERCISES: Final = (
    "Sit down, put both feet on the floor, and name five things that you can see around you now.",
    "Think of one person who was kind to you this week, and of what you would like to tell them.",
    "Tense both your hands while you count to five, then let go, and feel the warmth in them.",
)
FIXED: Final = {
    Action.BREATHE: (
        "Breathe in slowly while I count to four, hold it a moment, and let it all out again. Good."
    ),
    Action.STOP: (
        "Thank you for talking with me. I have written down what you said, and it is safe. Be well."
    ),
}
"""The replies to requests that always have the same reply."""

UNCLEAR: Final = (
    "I am sorry, I did not quite hear that. You can ask for an exercise, or say how you feel now."
)
_FEELING: Final = {
    "calm": (
        "It is good that you feel calm. Stay with it for a while, and notice where you feel it."
    ),
    "happy": (
        "I am glad to hear it. What was the best part of it? Take a moment to remember it well."
    ),
}
_HARD_FEELING: Final = (
    "Thank you for telling me that you feel {mood}. It can be heavy. "
    "Let us take it one step at a time."
)


def greeting(name: str) -> str:
    """Return the greeting of a new session."""
    return (
        f"Hello {name}. It is good to hear you. Tell me how you feel today, or ask for an exercise."
    )


def on_feeling(mood: str) -> str:
    """Return the reply to a feeling."""
    return _FEELING.get(mood) or _HARD_FEELING.format(mood=mood)


def on_progress(moods: Sequence[MoodCount]) -> str:
    """Return a summary of a client's moods, of which the most frequent is first."""
    if not moods:
        return "We have only just begun: tell me how you feel, and next time I can show you more."
    first = moods[0]
    return (
        f"So far you felt {first.mood} most often, {first.times} times in {first.sessions} "
        f"sessions. You have come a long way."
    )
