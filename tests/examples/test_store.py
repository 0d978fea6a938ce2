"""The database of the service stores users and sessions, and verifies passwords."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError, NoResultFound

from voice_service.store import MoodCount, Store, StoredSession, Turn


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty database in a file."""
    store = Store(tmp_path / "service.db")
    yield store
    store.close()


def test_the_right_password_returns_the_user(store: Store) -> None:
    user_id = store.add_user("Ana", "three green lamps")

    assert store.authenticate("Ana", "three green lamps") == user_id


@pytest.mark.parametrize(
    ("name", "password"),
    [("Ana", "three green lamp"), ("Ana", ""), ("ana", "three green lamps"), ("", "")],
)
def test_a_wrong_name_or_password_is_rejected(store: Store, name: str, password: str) -> None:
    store.add_user("Ana", "three green lamps")

    assert store.authenticate(name, password) is None


def test_passwords_are_not_stored(store: Store, tmp_path: Path) -> None:
    store.add_user("Ana", "three green lamps")
    store.close()

    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"Ana" in stored
    assert b"lamps" not in stored


def test_a_name_is_unique(store: Store) -> None:
    store.add_user("Ana", "three green lamps")

    with pytest.raises(IntegrityError):
        store.add_user("Ana", "something else")


def test_a_session_is_loaded_as_it_was_stored(store: Store) -> None:
    session_id = store.start_session(store.add_user("Ana", "three green lamps"))
    turns = (Turn("next exercise", "Sit down."), Turn("i feel calm", "Good.", "calm"))
    for turn in turns:
        store.add_turn(session_id, turn)

    assert store.load_session(session_id) == StoredSession(session_id, "Ana", turns)


def test_a_missing_session_is_an_error(store: Store) -> None:
    with pytest.raises(NoResultFound):
        store.load_session(1)


def test_moods_are_counted_for_one_user_over_all_sessions(store: Store) -> None:
    ana, beth = store.add_user("Ana", "one"), store.add_user("Beth", "two")
    for moods in (["calm", "sad"], ["calm", ""]):
        store.add_turns(store.start_session(ana), [Turn("", "", mood) for mood in moods])
    store.add_turns(store.start_session(beth), [Turn("", "", "angry")])

    assert store.mood_summary(ana) == [MoodCount("calm", 2, 2), MoodCount("sad", 1, 1)]


def test_the_next_process_finds_the_stored_data(store: Store, tmp_path: Path) -> None:
    store.add_user("Ana", "three green lamps")
    store.close()

    again = Store(tmp_path / "service.db")
    assert again.authenticate("Ana", "three green lamps") == 1
    again.close()
