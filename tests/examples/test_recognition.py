"""The service recognises spoken sentences and their intents."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from voice_service import replies
from voice_service.audio import (
    FRAME_SAMPLES,
    SAMPLE_RATE,
    FrameProcessor,
    Samples,
    frames_of,
    resample,
    speech_in,
)
from voice_service.cache import TextCache
from voice_service.clients import CLIENTS, sentences_of, sound_of
from voice_service.commands import MOODS, Action, Intent, parse_intent
from voice_service.recognition import Recognizer
from voice_service.service import Conversation, VoiceService
from voice_service.speech import speak
from voice_service.store import Store


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "service.db")) as store:
        yield store


@pytest.fixture
def service(store: Store, recognizer: Recognizer) -> VoiceService:
    return VoiceService(store, TextCache(10_000, 60.0), recognizer)


@pytest.fixture
def conversation(service: VoiceService, store: Store) -> Conversation:
    return service.create_session(store.add_user("Ana", "three green lamps"), "Ana")


def clean(sound: Samples) -> Samples:
    microphone = FrameProcessor()
    return speech_in([microphone.process(frame) for frame in frames_of(sound)])


def tone(hertz: float, seconds: float, rate: int, level: float = 8000) -> Samples:
    moments = np.arange(round(seconds * rate)) / rate
    return np.rint(level * np.sin(2 * np.pi * hertz * moments)).astype(np.int16)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_spoken_command_is_recognised(recognizer: Recognizer, client: object) -> None:
    text = recognizer.transcribe(clean(sound_of(client, "show my progress")))

    assert parse_intent(text).action is Action.PROGRESS


def test_another_command_is_recognised_as_such(recognizer: Recognizer) -> None:
    text = recognizer.transcribe(clean(sound_of(CLIENTS[0], "next exercise")))

    assert parse_intent(text).action is Action.EXERCISE


def test_silence_is_recognised_as_an_empty_text(recognizer: Recognizer) -> None:
    assert recognizer.transcribe(np.zeros(SAMPLE_RATE, np.int16)) == ""
    assert recognizer.transcribe(np.zeros(0, np.int16)) == ""


def test_an_answer_is_spoken_and_in_the_transcript(
    service: VoiceService, conversation: Conversation
) -> None:
    sound = sound_of(CLIENTS[0], "i feel calm today")

    answer = asyncio.run(service.converse(conversation, sound))

    assert parse_intent(answer.recognized) == Intent(Action.FEELING, "calm")
    assert answer.reply == replies.on_feeling("calm")
    assert len(answer.sound) > SAMPLE_RATE
    assert f"Service: {answer.reply}" in service.transcript(conversation.session_id)


def test_the_last_answer_is_repeated_on_request(
    service: VoiceService, conversation: Conversation
) -> None:
    first = asyncio.run(service.process_command(conversation, "next exercise"))

    assert asyncio.run(service.process_command(conversation, "repeat that")) == first
    assert asyncio.run(service.process_command(conversation, "next exercise")) != first


def test_an_unclear_sentence_has_an_answer_too(
    service: VoiceService, conversation: Conversation
) -> None:
    assert asyncio.run(service.process_command(conversation, "")) == replies.UNCLEAR


def test_every_sentence_of_the_clients_has_an_intent() -> None:
    sentences = {
        sentence for client in CLIENTS for n in range(20) for sentence in sentences_of(client, n)
    }

    assert Action.UNCLEAR not in {parse_intent(sentence).action for sentence in sentences}


def test_answers_are_about_a_hundred_characters_long() -> None:
    answers = [
        *replies.FIXED.values(),
        *replies.EXERCISES,
        replies.UNCLEAR,
        replies.greeting("Ana"),
        *map(replies.on_feeling, MOODS),
        replies.on_progress([]),
    ]

    assert all(80 <= len(answer) <= 120 for answer in answers)


def test_longer_texts_have_longer_speech() -> None:
    assert len(speak("one two three four five six")) > 2 * len(speak("one"))


def test_resampling_keeps_length_and_pitch() -> None:
    resampled = resample(tone(1000, 1.0, 22_050), 22_050)

    spectrum = np.abs(np.fft.rfft(resampled))
    assert len(resampled) == SAMPLE_RATE
    assert np.argmax(spectrum) == 1000


def test_resampling_has_no_aliasing() -> None:
    """A tone above half the new rate is removed."""
    assert np.abs(resample(tone(10_000, 1.0, 22_050), 22_050)).max() < 400


def test_speech_is_extracted_from_noise() -> None:
    noise = np.random.default_rng(1).normal(0, 30, 3 * SAMPLE_RATE).astype(np.int16)
    sound = noise.copy()
    sound[SAMPLE_RATE : 2 * SAMPLE_RATE] += tone(300, 1.0, SAMPLE_RATE)

    speech = clean(sound)

    assert SAMPLE_RATE <= len(speech) <= SAMPLE_RATE + 8 * FRAME_SAMPLES
    assert not len(clean(noise))


def test_the_offset_is_removed_and_quiet_speech_is_amplified() -> None:
    microphone = FrameProcessor()
    for frame in frames_of(np.full(SAMPLE_RATE, 500, np.int16)):
        assert abs(float(microphone.process(frame).samples.mean())) < 1
    quiet = tone(300, 1.0, SAMPLE_RATE, level=400)

    frames = [microphone.process(frame) for frame in frames_of(quiet)]

    assert all(frame.is_speech for frame in frames)
    assert frames[-1].samples.max() > 2 * quiet.max()
