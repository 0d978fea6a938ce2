"""Simulate several visits of every client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from difflib import SequenceMatcher
from itertools import product
from typing import Final

from attrs import frozen

from voice_service.clients import CLIENTS, Client, sentences_of, sound_of
from voice_service.service import Answer, Conversation, VoiceService
from voice_service.store import Store

_VISITS: Final = 3
_MAX_SECONDS: Final = 30.0
_TRANSCRIPTS: Final = 4
_READ_AGAIN: Final = 2


@frozen
class Utterance:
    """One spoken sentence and its answer."""

    client: str
    text: str
    answer: Answer

    @property
    def words_spoken(self) -> int:
        """The number of spoken words."""
        return len(self.text.split())

    @property
    def words_recognized(self) -> int:
        """The number of words that were recognised correctly, in their order."""
        spoken, recognized = self.text.split(), self.answer.recognized.split()
        matcher = SequenceMatcher(None, spoken, recognized, autojunk=False)
        return sum(block.size for block in matcher.get_matching_blocks())


async def run_visits(service: VoiceService, store: Store) -> AsyncIterator[Utterance]:
    """Run the visits of all clients in turn, and yield each sentence with its answer.

    If an operation is very slow, the run ends early, after about half a minute. Each operation is
    called at least once before the first sentence is yielded.
    """
    started = time.monotonic()
    for visit, client in product(range(_VISITS), CLIENTS):
        conversation = await _start_conversation(service, client)
        await asyncio.to_thread(_read_transcripts, service, store, conversation.user_id, visit)
        for sentence in sentences_of(client, visit):
            sound = await asyncio.to_thread(sound_of, client, sentence)
            yield Utterance(client.name, sentence, await service.converse(conversation, sound))
            if time.monotonic() - started > _MAX_SECONDS:
                return


def count_sentences() -> int:
    """Return the number of sentences that `run_visits` yields if no operation is very slow."""
    return sum(len(sentences_of(*who)) for who in product(CLIENTS, range(_VISITS)))


async def _start_conversation(service: VoiceService, client: Client) -> Conversation:
    """Log in, with a wrong password first, and create a session."""
    if await service.log_in(client.name, client.password.upper()) is not None:
        raise PermissionError(f"{client.name} was accepted with a wrong password")
    user_id = await service.log_in(client.name, client.password)
    if user_id is None:
        raise PermissionError(f"{client.name} was refused with the right password")
    return await asyncio.to_thread(service.create_session, user_id, client.name)


def _read_transcripts(service: VoiceService, store: Store, user_id: int, visit: int) -> None:
    """Read the transcripts of some past sessions, and those of the last ones again."""
    first = visit * _TRANSCRIPTS
    chosen = store.session_ids(user_id)[first : first + _TRANSCRIPTS]
    for session_id in [*chosen, *chosen[-_READ_AGAIN:], *chosen[-_READ_AGAIN:]]:
        service.transcript(session_id)
