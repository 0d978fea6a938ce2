"""People who use the service: what they are called, how they sound, what they say."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

import numpy as np
from attrs import frozen

from voice_service import replies
from voice_service.audio import SAMPLE_RATE, Samples
from voice_service.commands import MOODS, understand
from voice_service.speech import Voice, pronounce
from voice_service.store import Store, Turn

_PAUSE_SECONDS: Final = 0.3
_ROOM_NOISE: Final = 40.0
_PAST_SESSIONS, _PAST_TURNS = 20, 80
_REQUESTS: Final = (
    "next exercise",
    "help me breathe",
    "repeat that",
    "repeat please",
)


@frozen
class Client:
    """Somebody with a voice and a password."""

    name: str
    password: str
    voice: Voice


CLIENTS: Final = (
    Client("Ana", "three green lamps", Voice("en-us+f3", words_per_minute=165, pitch=40)),
    Client("Beth", "a kettle on the hill", Voice("en-gb+f2", words_per_minute=155, pitch=40)),
    Client("Chiara", "seven slow trains", Voice("en-us+f3", words_per_minute=175, pitch=50)),
)


def sentences_of(client: Client, visit: int) -> list[str]:
    """Return what a client says on a visit, counted from 0; always the same for the same visit."""
    dice = random.Random(f"{client.name} {visit}")  # noqa: S311 - small talk holds no secrets
    return ["show my progress", _feeling(dice), *dice.sample(_REQUESTS, 2), "stop the session"]


def _feeling(dice: random.Random) -> str:
    words = ("i", dice.choice(("feel", "am feeling")), dice.choice(("", "very")))
    return " ".join(filter(None, (*words, dice.choice(MOODS), dice.choice(("", "today")))))


def sound_of(client: Client, sentence: str) -> Samples:
    """Return what a microphone in the client's room picks up while they say `sentence`.

    The speech is synthetic, the room is quiet noise; the same words give the same samples.
    """
    silence = np.zeros(round(_PAUSE_SECONDS * SAMPLE_RATE))
    speech = np.concatenate([silence, pronounce(sentence, client.voice), silence])
    noise = np.random.default_rng(len(sentence)).normal(0.0, _ROOM_NOISE, len(speech))
    return np.clip(speech + noise, -32768, 32767).astype(np.int16)


def move_in(store: Store) -> None:
    """Register all clients, with a past of many sessions."""
    dice = random.Random(2024)  # noqa: S311 - an invented past holds no secrets
    for client in CLIENTS:
        user_id = store.add_user(client.name, client.password)
        for _ in range(_PAST_SESSIONS):
            store.add_turns(store.start_session(user_id), _past_turns(dice))


def _past_turns(dice: random.Random) -> Iterator[Turn]:
    for _ in range(_PAST_TURNS):
        heard = _feeling(dice)
        mood = understand(heard).mood
        yield Turn(heard, f"{replies.on_feeling(mood)} {dice.choice(replies.EXERCISES)}", mood)
