"""Resample signals, clean the stream of a microphone frame by frame, and extract the speech."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from perfkit import timed
from voice_service.slowdown import pause

Samples = NDArray[np.int16]

SAMPLE_RATE: Final = 16_000
"""Samples per second, as the recogniser requires."""

FRAME_SAMPLES: Final = 800
"""Samples in one frame: 50 ms, short enough for real time."""

_MARGIN_FRAMES: Final = 3
_TARGET_LEVEL_DB: Final = -22.0
_SPEECH_ABOVE_NOISE_DB: Final = 12.0
_GATE_DB: Final = -6.0


@frozen(kw_only=True)
class Frame:
    """One cleaned frame, and whether it contains speech."""

    samples: Samples
    is_speech: bool


def resample(samples: Samples, from_rate: int) -> Samples:
    """Convert `samples` from `from_rate` samples per second to `SAMPLE_RATE`.

    The spectrum is cut at half the lower rate, to prevent aliasing.
    """
    if not len(samples):
        return samples
    length = round(len(samples) * SAMPLE_RATE / from_rate)
    spectrum = np.fft.rfft(samples.astype(np.float64))
    return _as_samples(np.fft.irfft(spectrum, length) * (length / len(samples)))


def frames_of(samples: Samples) -> Iterator[Samples]:
    """Yield the frames of `samples`, as a sound card does; the last one may be shorter."""
    for start in range(0, len(samples), FRAME_SAMPLES):
        yield samples[start : start + FRAME_SAMPLES]


def speech_in(frames: Sequence[Frame]) -> Samples:
    """Return the samples from the first speech frame to the last, with a margin around them."""
    speech = [index for index, frame in enumerate(frames) if frame.is_speech]
    if not speech:
        return np.zeros(0, np.int16)
    start = max(0, speech[0] - _MARGIN_FRAMES)
    return np.concatenate([f.samples for f in frames[start : speech[-1] + _MARGIN_FRAMES + 1]])


class FrameProcessor:
    """Cleans the stream of one microphone: removes the offset and the noise, and evens the level.

    It adapts to the noise of the room and the level of the speaker, so each conversation has its
    own processor. Not safe to share between threads.
    """

    def __init__(self) -> None:
        self._noise_db = -60.0
        self._gain_db = 0.0

    @timed("audio_processing_real_time")
    def process(self, samples: Samples) -> Frame:
        """Clean one frame, and detect whether it contains speech."""
        pause("audio_processing_real_time")
        signal = samples.astype(np.float64)
        signal -= signal.mean()
        level = _level_db(signal)
        self._noise_db = min(level, self._noise_db + 0.2)
        is_speech = level > self._noise_db + _SPEECH_ABOVE_NOISE_DB
        if is_speech:
            self._gain_db += 0.1 * (_TARGET_LEVEL_DB - level - self._gain_db)
        gate_db = 0.0 if is_speech else _GATE_DB
        gain = 10 ** ((self._gain_db + gate_db) / 20)
        return Frame(samples=_as_samples(signal * gain), is_speech=bool(is_speech))


def _level_db(signal: NDArray[np.float64]) -> float:
    """Return the level relative to full scale, in decibels; -100 for silence."""
    power = float(np.mean(np.square(signal / 32768.0))) if len(signal) else 0.0
    return max(-100.0, 10 * float(np.log10(power + 1e-12)))


def _as_samples(signal: NDArray[np.float64]) -> Samples:
    return np.clip(np.rint(signal), -32768, 32767).astype(np.int16)
