"""Signals: resample them, clean a microphone's stream frame by frame, cut out the speech."""

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
"""Samples per second that the recogniser wants."""

FRAME_SAMPLES: Final = 800
"""Samples in one frame: 50 ms, short enough to answer in real time."""

_MARGIN_FRAMES: Final = 3
_TARGET_LEVEL_DB: Final = -22.0
_SPEECH_ABOVE_NOISE_DB: Final = 12.0
_GATE_DB: Final = -6.0


@frozen(kw_only=True)
class Frame:
    """One cleaned frame, and whether somebody spoke in it."""

    samples: Samples
    is_speech: bool


def resample(samples: Samples, from_rate: int) -> Samples:
    """Return `samples`, taken `from_rate` times a second, at `SAMPLE_RATE`.

    The spectrum is cut where the lower rate ends, so that nothing above it folds back.
    """
    if not len(samples):
        return samples
    length = round(len(samples) * SAMPLE_RATE / from_rate)
    spectrum = np.fft.rfft(samples.astype(np.float64))
    return _as_samples(np.fft.irfft(spectrum, length) * (length / len(samples)))


def frames_of(samples: Samples) -> Iterator[Samples]:
    """Yield `samples` frame by frame, as a sound card would; the last one may be short."""
    for start in range(0, len(samples), FRAME_SAMPLES):
        yield samples[start : start + FRAME_SAMPLES]


def speech_in(frames: Sequence[Frame]) -> Samples:
    """Return the stretch from the first spoken frame to the last, with a margin around it."""
    spoken = [index for index, frame in enumerate(frames) if frame.is_speech]
    if not spoken:
        return np.zeros(0, np.int16)
    start = max(0, spoken[0] - _MARGIN_FRAMES)
    return np.concatenate([f.samples for f in frames[start : spoken[-1] + _MARGIN_FRAMES + 1]])


class FrameProcessor:
    """Cleans one microphone's stream: takes out the offset, gates the noise, evens the level.

    It learns the room's noise and the speaker's level as it goes, so each conversation has its
    own. Not safe to share between threads.
    """

    def __init__(self) -> None:
        self._noise_db = -60.0
        self._gain_db = 0.0

    @timed("audio_processing_real_time")
    def process(self, samples: Samples) -> Frame:
        """Clean one frame and tell whether it holds speech."""
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
