"""The service's database keeps what it is given, and lets nobody in with a wrong password."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from voice_service.store import MoodCount, Store, StoredSession, Turn


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty database in a file."""
    store = Store(tmp_path / "service.db")
    yield store
    store.close()


def test_the_right_password_gives_the_user(store: Store) -> None:
    user_id = store.add_user("Ana", "three green lamps")

    assert store.authenticate("Ana", "three green lamps") == user_id


@pytest.mark.parametrize(
    ("name", "password"),
    [("Ana", "three green lamp"), ("Ana", ""), ("ana", "three green lamps"), ("", "")],
)
def test_a_wrong_name_or_password_is_refused(store: Store, name: str, password: str) -> None:
    store.add_user("Ana", "three green lamps")

    assert store.authenticate(name, password) is None


def test_passwords_are_not_stored(store: Store, tmp_path: Path) -> None:
    store.add_user("Ana", "three green lamps")
    store.close()

    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"Ana" in kept
    assert b"lamps" not in kept


def test_a_session_comes_back_as_it_was_stored(store: Store) -> None:
    session_id = store.start_session(store.add_user("Ana", "three green lamps"))
    turns = (Turn("next exercise", "Sit down."), Turn("i feel calm", "Good.", "calm"))
    for turn in turns:
        store.add_turn(session_id, turn)

    assert store.load_session(session_id) == StoredSession(session_id, "Ana", turns)


def test_moods_are_counted_for_one_user_over_all_sessions(store: Store) -> None:
    ana, beth = store.add_user("Ana", "one"), store.add_user("Beth", "two")
    for moods in (["calm", "sad"], ["calm", ""]):
        store.add_turns(store.start_session(ana), [Turn("", "", mood) for mood in moods])
    store.add_turns(store.start_session(beth), [Turn("", "", "angry")])

    assert store.mood_summary(ana) == [MoodCount("calm", 2, 2), MoodCount("sad", 1, 1)]
