"""The database tables of users, sessions and turns."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


def _now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """The base class of all tables."""


class UserRow(Base):
    """One user with a login."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    salt: Mapped[bytes]
    digest: Mapped[bytes]


class SessionRow(Base):
    """One conversation of a user."""

    __tablename__ = "sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    started_at: Mapped[datetime] = mapped_column(default=_now)
    turns: Mapped[list[TurnRow]] = relationship(order_by="TurnRow.id")


class TurnRow(Base):
    """One request of a user and its reply."""

    __tablename__ = "turns"
    __table_args__ = (Index("turns_by_session_and_mood", "session_id", "mood"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("sessions.id"))
    request: Mapped[str]
    reply: Mapped[str]
    mood: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=_now)
