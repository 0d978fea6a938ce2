"""Convert text to speech with espeak-ng."""

from __future__ import annotations

import ctypes
import threading
from functools import cache
from typing import Any, Final

import espeakng_loader
import numpy as np
from attrs import frozen

from perfkit import timed
from voice_service.audio import Samples, resample
from voice_service.slowdown import pause

_SYNCHRONOUS: Final = 2
_DO_NOT_EXIT: Final = 0x8000
_RATE, _PITCH = 1, 3
_UTF8: Final = 1
_ON_AUDIO: Final = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


@frozen
class Voice:
    """The parameters of a voice.

    Args:
        name: A voice of espeak-ng, with a variant after a plus sign.
        words_per_minute: The speed, from 80 to 450.
        pitch: The pitch, from 0 to 99.
    """

    name: str
    words_per_minute: int
    pitch: int


SERVICE_VOICE: Final = Voice("en-gb+f2", words_per_minute=165, pitch=45)


class _Engine:
    """The espeak-ng library. It has one state per process, so a lock guards every use."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self._sample_rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data, _DO_NOT_EXIT)
        if self._sample_rate <= 0:
            raise RuntimeError(f"espeak-ng found no voices in {data.decode()}")
        self._chunks: list[bytes] = []
        self._callback = _ON_AUDIO(self._append)  # espeak-ng has only a bare pointer to it
        self._library.espeak_SetSynthCallback(self._callback)
        self._lock = threading.Lock()

    def speak(self, text: str, voice: Voice) -> Samples:
        with self._lock:
            self._library.espeak_SetVoiceByName(voice.name.encode())
            self._library.espeak_SetParameter(_RATE, voice.words_per_minute, 0)
            self._library.espeak_SetParameter(_PITCH, voice.pitch, 0)
            self._chunks.clear()
            encoded = text.encode()
            self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8, None, None)
            samples = np.frombuffer(b"".join(self._chunks), np.int16)
        return resample(samples, self._sample_rate)

    def _append(self, samples: Any, count: int, _events: object) -> int:
        if samples and count > 0:
            self._chunks.append(ctypes.string_at(samples, count * 2))
        return 0


_engine = cache(_Engine)


def warm_up() -> None:
    """Load the engine and the service's voice, so that no client waits for them."""
    _engine().speak("ready", SERVICE_VOICE)


def synthesize(text: str, voice: Voice) -> Samples:
    """Return the speech of a client who says `text` in `voice`. Safe in any thread."""
    return _engine().speak(text, voice)


@timed("text_to_speech_100_chars")
def speak(text: str) -> Samples:
    """Return the speech of the service for `text`. Safe in any thread."""
    pause("text_to_speech_100_chars")
    return _engine().speak(text, SERVICE_VOICE)
