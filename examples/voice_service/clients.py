"""The simulated clients of the service, with their voices and sentences."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

import numpy as np
from attrs import frozen

from voice_service import replies
from voice_service.audio import SAMPLE_RATE, Samples
from voice_service.commands import MOODS, parse_intent
from voice_service.speech import Voice, synthesize
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
    """A client with a voice and a password."""

    name: str
    password: str
    voice: Voice


CLIENTS: Final = (
    Client("Ana", "three green lamps", Voice("en-us+f3", words_per_minute=165, pitch=40)),
    Client("Beth", "a kettle on the hill", Voice("en-gb+f2", words_per_minute=155, pitch=40)),
    Client("Chiara", "seven slow trains", Voice("en-us+f3", words_per_minute=175, pitch=50)),
)


def sentences_of(client: Client, visit: int) -> list[str]:
    """Return the sentences of a client on a visit, counted from 0; they are deterministic."""
    dice = random.Random(f"{client.name} {visit}")  # noqa: S311 - the sentences are not secret
    return [
        "show my progress",
        _feeling_sentence(dice),
        *dice.sample(_REQUESTS, 2),
        "stop the session",
    ]


def _feeling_sentence(dice: random.Random) -> str:
    words = ("i", dice.choice(("feel", "am feeling")), dice.choice(("", "very")))
    return " ".join(filter(None, (*words, dice.choice(MOODS), dice.choice(("", "today")))))


def sound_of(client: Client, sentence: str) -> Samples:
    """Return the samples of a microphone in the client's room during `sentence`.

    The speech is synthetic, and the room adds quiet noise; the same sentence has the same samples.
    """
    silence = np.zeros(round(_PAUSE_SECONDS * SAMPLE_RATE))
    speech = np.concatenate([silence, synthesize(sentence, client.voice), silence])
    noise = np.random.default_rng(len(sentence)).normal(0.0, _ROOM_NOISE, len(speech))
    return np.clip(speech + noise, -32768, 32767).astype(np.int16)


def register_clients(store: Store) -> None:
    """Register all clients, each with many past sessions."""
    dice = random.Random(2024)  # noqa: S311 - invented sessions are not secret
    for client in CLIENTS:
        user_id = store.add_user(client.name, client.password)
        for _ in range(_PAST_SESSIONS):
            store.add_turns(store.start_session(user_id), _past_turns(dice))


def _past_turns(dice: random.Random) -> Iterator[Turn]:
    for _ in range(_PAST_TURNS):
        request = _feeling_sentence(dice)
        mood = parse_intent(request).mood
        yield Turn(request, f"{replies.on_feeling(mood)} {dice.choice(replies.EXERCISES)}", mood)
