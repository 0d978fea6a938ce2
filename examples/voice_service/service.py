"""The voice service: recognises requests, processes them, and speaks the replies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import cycle

from attrs import Factory, define, frozen

from perfkit import timed
from voice_service import replies
from voice_service.audio import SAMPLE_RATE, FrameProcessor, Samples, frames_of, speech_in
from voice_service.cache import TextCache
from voice_service.commands import Action, Intent, parse_intent
from voice_service.recognition import Recognizer
from voice_service.slowdown import pause
from voice_service.speech import speak
from voice_service.store import Store, StoredSession, Turn


@define
class Conversation:
    """The state of one session in progress."""

    session_id: int
    user_id: int
    microphone: FrameProcessor
    last_reply: str
    greeting: Samples
    exercises: Iterator[str] = Factory(lambda: cycle(replies.EXERCISES))


@frozen
class Answer:
    """The recognised request, and the reply as text and as sound at 16 kHz."""

    recognized: str
    speech_seconds: float
    reply: str
    sound: Samples


class VoiceService:
    """Runs conversations with clients. Its coroutines work in threads and do not block the loop.

    Args:
        store: The database.
        cache: The cache of transcripts.
        recognizer: The speech recogniser.
    """

    def __init__(self, store: Store, cache: TextCache, recognizer: Recognizer) -> None:
        self._store = store
        self._cache = cache
        self._recognizer = recognizer

    async def log_in(self, name: str, password: str) -> int | None:
        """Return the id of the user with this name and password; None if they do not match."""
        return await asyncio.to_thread(self._store.authenticate, name, password)

    @timed("voice_session_creation")
    def create_session(self, user_id: int, name: str) -> Conversation:
        """Create and store a session with a frame processor and a spoken greeting."""
        pause("voice_session_creation")
        session_id = self._store.start_session(user_id)
        text = replies.greeting(name)
        return Conversation(session_id, user_id, FrameProcessor(), text, speak(text))

    @timed
    async def converse(self, conversation: Conversation, sound: Samples) -> Answer:
        """Recognise the request in `sound`, process it, and speak the reply."""
        speech = await asyncio.to_thread(_clean, conversation.microphone, sound)
        recognized = await asyncio.to_thread(self._recognizer.transcribe, speech)
        reply = await self.process_command(conversation, recognized)
        return Answer(
            recognized, len(speech) / SAMPLE_RATE, reply, await asyncio.to_thread(speak, reply)
        )

    @timed("voice_command_processing")
    async def process_command(self, conversation: Conversation, sentence: str) -> str:
        """Process the request `sentence`, store the turn, and return the reply."""
        return await asyncio.to_thread(self._process_command, conversation, sentence)

    def _process_command(self, conversation: Conversation, sentence: str) -> str:
        pause("voice_command_processing")
        intent = parse_intent(sentence)
        conversation.last_reply = self._reply_to(intent, conversation)
        turn = Turn(sentence, conversation.last_reply, intent.mood)
        self._store.add_turn(conversation.session_id, turn)
        return conversation.last_reply

    def _reply_to(self, intent: Intent, conversation: Conversation) -> str:
        match intent.action:
            case Action.FEELING:
                return replies.on_feeling(intent.mood)
            case Action.EXERCISE:
                return next(conversation.exercises)
            case Action.REPEAT:
                return conversation.last_reply
            case Action.PROGRESS:
                return replies.on_progress(self._store.mood_summary(conversation.user_id))
        return replies.FIXED.get(intent.action, replies.UNCLEAR)

    def transcript(self, session_id: int) -> str:
        """Return the transcript of a session, from the cache if possible."""
        return self._cache.get(
            f"transcript:{session_id}", lambda: _format(self._store.load_session(session_id))
        )


def _clean(microphone: FrameProcessor, sound: Samples) -> Samples:
    return speech_in([microphone.process(frame) for frame in frames_of(sound)])


def _format(session: StoredSession) -> str:
    lines = [f"Session {session.id} with {session.user_name}"]
    for turn in session.turns:
        lines += [f"{session.user_name}: {turn.request}", f"Service: {turn.reply}"]
    return "\n".join(lines)
