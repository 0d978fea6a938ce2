"""Store users, sessions and turns in SQLite, with SQLAlchemy."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from attrs import frozen
from sqlalchemy import create_engine, desc, event, func, insert, select
from sqlalchemy.orm import Session, selectinload

from perfkit import timed
from voice_service.accounts import PasswordDigest, digest_password, verify_password
from voice_service.slowdown import pause
from voice_service.tables import Base, SessionRow, TurnRow, UserRow


@frozen
class Turn:
    """One request of a client and its reply. `mood` is empty if the request names none."""

    request: str
    reply: str
    mood: str = ""


@frozen
class StoredSession:
    """One session with all its turns."""

    id: int
    user_name: str
    turns: tuple[Turn, ...]


@frozen
class MoodCount:
    """The number of turns and of sessions in which a client named a mood."""

    mood: str
    times: int
    sessions: int


class Store:
    """The service's database, in one file. Safe to share between threads.

    Args:
        path: The SQLite file; created if it is missing.
    """

    def __init__(self, path: Path) -> None:
        self._engine = create_engine(f"sqlite:///{path}")
        event.listen(self._engine, "connect", _set_up_connection)
        Base.metadata.create_all(self._engine)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def add_user(self, name: str, password: str) -> int:
        """Add a user and return their id; raises IntegrityError if the name exists."""
        stored = digest_password(password)
        with Session(self._engine) as database, database.begin():
            user = UserRow(name=name, salt=stored.salt, digest=stored.digest)
            database.add(user)
            database.flush()
            return user.id

    @timed("user_authentication")
    def authenticate(self, name: str, password: str) -> int | None:
        """Return the id of the user with this name and password; None if they do not match."""
        pause("user_authentication")
        with Session(self._engine) as database:
            user = database.scalar(select(UserRow).where(UserRow.name == name))
        if user is None or not verify_password(password, PasswordDigest(user.salt, user.digest)):
            return None
        return user.id

    def start_session(self, user_id: int) -> int:
        """Store a new session of a user, and return its id."""
        with Session(self._engine) as database, database.begin():
            row = SessionRow(user_id=user_id)
            database.add(row)
            database.flush()
            return row.id

    @timed("data_insertion")
    def add_turn(self, session_id: int, turn: Turn) -> None:
        """Store one turn of a session; it is on disk when this method returns."""
        pause("data_insertion")
        with Session(self._engine) as database, database.begin():
            database.add(TurnRow(session_id=session_id, **_columns_of(turn)))

    def add_turns(self, session_id: int, turns: Iterable[Turn]) -> None:
        """Store many turns at once, for example to import past sessions."""
        rows = [{"session_id": session_id, **_columns_of(turn)} for turn in turns]
        with Session(self._engine) as database, database.begin():
            database.execute(insert(TurnRow), rows)

    @timed("session_retrieval")
    def load_session(self, session_id: int) -> StoredSession:
        """Load one session with all its turns; raises NoResultFound if it does not exist."""
        pause("session_retrieval")
        query = (
            select(SessionRow, UserRow.name)
            .join(UserRow, UserRow.id == SessionRow.user_id)
            .where(SessionRow.id == session_id)
            .options(selectinload(SessionRow.turns))
        )
        with Session(self._engine) as database:
            row, name = database.execute(query).one()
            turns = tuple(Turn(turn.request, turn.reply, turn.mood) for turn in row.turns)
        return StoredSession(session_id, name, turns)

    def session_ids(self, user_id: int) -> list[int]:
        """Return the ids of a user's sessions, the oldest first."""
        query = select(SessionRow.id).where(SessionRow.user_id == user_id).order_by(SessionRow.id)
        with Session(self._engine) as database:
            return list(database.scalars(query))

    @timed("complex_query")
    def mood_summary(self, user_id: int) -> list[MoodCount]:
        """Count a user's moods over all their sessions, the most frequent first."""
        pause("complex_query")
        times = func.count(TurnRow.id)
        query = (
            select(TurnRow.mood, times, func.count(func.distinct(SessionRow.id)))
            .join(SessionRow, SessionRow.id == TurnRow.session_id)
            .join(UserRow, UserRow.id == SessionRow.user_id)
            .where(UserRow.id == user_id, TurnRow.mood != "")
            .group_by(TurnRow.mood)
            .order_by(desc(times), TurnRow.mood)
        )
        with Session(self._engine) as database:
            return [MoodCount(*row) for row in database.execute(query)]


def _columns_of(turn: Turn) -> dict[str, str]:
    return {"request": turn.request, "reply": turn.reply, "mood": turn.mood}


def _set_up_connection(connection: Any, _record: object) -> None:
    """Let readers continue during writes, and enforce foreign keys."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
