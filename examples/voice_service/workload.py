"""An hour at the service, in seconds: every client comes by a few times."""

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
_LONGEST_SECONDS: Final = 30.0
_TRANSCRIPTS: Final = 4
_READ_AGAIN: Final = 2


@frozen
class Spoken:
    """One sentence, as it was said and as it was heard."""

    client: str
    said: str
    answer: Answer

    @property
    def words_said(self) -> int:
        """How many words were said."""
        return len(self.said.split())

    @property
    def words_heard(self) -> int:
        """How many of the words were heard correctly, in their order."""
        pair = SequenceMatcher(None, self.said.split(), self.answer.heard.split(), autojunk=False)
        return sum(block.size for block in pair.get_matching_blocks())


async def live(service: VoiceService, store: Store) -> AsyncIterator[Spoken]:
    """Let the clients visit the service in turn, and yield each sentence when it is answered.

    Where something is very slow it ends early, after about half a minute. Each operation has been
    called before the first sentence is through.
    """
    started = time.monotonic()
    for visit, client in product(range(_VISITS), CLIENTS):
        conversation = await _enter(service, client)
        await asyncio.to_thread(_read_transcripts, service, store, conversation.user_id, visit)
        for sentence in sentences_of(client, visit):
            sound = await asyncio.to_thread(sound_of, client, sentence)
            yield Spoken(client.name, sentence, await service.converse(conversation, sound))
            if time.monotonic() - started > _LONGEST_SECONDS:
                return


def count_sentences() -> int:
    """Return how many sentences `live` yields if nothing is very slow."""
    return sum(len(sentences_of(*who)) for who in product(CLIENTS, range(_VISITS)))


async def _enter(service: VoiceService, client: Client) -> Conversation:
    """Log in, at the second try as people do, and begin a session."""
    if await service.log_in(client.name, client.password.upper()) is not None:
        raise PermissionError(f"{client.name} came in with a wrong password")
    user_id = await service.log_in(client.name, client.password)
    if user_id is None:
        raise PermissionError(f"{client.name} was refused with the right password")
    return await asyncio.to_thread(service.create_session, user_id, client.name)


def _read_transcripts(service: VoiceService, store: Store, user_id: int, visit: int) -> None:
    """Read some past sessions, and then the last of them once more."""
    first = visit * _TRANSCRIPTS
    chosen = store.session_ids(user_id)[first : first + _TRANSCRIPTS]
    for session_id in [*chosen, *chosen[-_READ_AGAIN:], *chosen[-_READ_AGAIN:]]:
        service.transcript(session_id)
