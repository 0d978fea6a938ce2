"""Convert speech to text with pocketsphinx, for the sentences of the grammar."""

from __future__ import annotations

import threading
from typing import Final

import numpy as np
from pocketsphinx import Decoder

from perfkit import timed
from voice_service.audio import SAMPLE_RATE, Samples
from voice_service.commands import GRAMMAR
from voice_service.slowdown import pause

_WARM_UP_SAMPLES: Final = SAMPLE_RATE // 4


class Recognizer:
    """Recognises sentences of `GRAMMAR`. Loading the model takes about a second.

    Safe to share between threads. The decoder processes one utterance at a time, so a second caller
    waits for the first.
    """

    def __init__(self) -> None:
        self._decoder = Decoder(samprate=SAMPLE_RATE, loglevel="FATAL", lm=None)
        self._decoder.add_jsgf_string("sentences", GRAMMAR)
        self._decoder.activate_search("sentences")
        self._lock = threading.Lock()
        self._decode(np.zeros(_WARM_UP_SAMPLES, np.int16))

    @timed("speech_to_text_1s_audio")
    def transcribe(self, samples: Samples) -> str:
        """Return the words of one utterance in lower case; empty without words."""
        pause("speech_to_text_1s_audio")
        return self._decode(samples)

    def _decode(self, samples: Samples) -> str:
        if not len(samples):
            return ""
        with self._lock:
            self._decoder.start_utt()
            self._decoder.process_raw(samples.tobytes(), full_utt=True)
            self._decoder.end_utt()
            hypothesis = self._decoder.hyp()
        return str(hypothesis.hypstr) if hypothesis else ""
