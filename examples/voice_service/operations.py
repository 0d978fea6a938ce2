"""The names of the timed operations, as imported from BENCHMARKS.md."""

from __future__ import annotations

from typing import Final

VOICE: Final = (
    "voice_session_creation",
    "speech_to_text_1s_audio",
    "text_to_speech_100_chars",
    "audio_processing_real_time",
    "voice_command_processing",
)
DATABASE: Final = (
    "user_authentication",
    "session_retrieval",
    "data_insertion",
    "complex_query",
)
CACHE: Final = (
    "cache_hit",
    "cache_miss",
    "cache_eviction",
    "cache_compression",
)
OPERATIONS: Final = (*VOICE, *DATABASE, *CACHE)
