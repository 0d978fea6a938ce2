"""Passwords: kept as salted scrypt digests, checked in constant time."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from attrs import frozen

_COST: Final = 2**14
"""About 50 ms and 16 MiB a check: slow for a thief, and a quarter of what a login may take."""

_BLOCK_SIZE, _PARALLEL, _SALT_BYTES = 8, 1, 16


@frozen(repr=False)
class PasswordDigest:
    """What is stored instead of a password."""

    salt: bytes
    digest: bytes


def digest_password(password: str) -> PasswordDigest:
    """Return what to store of `password`, with a new salt."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return PasswordDigest(salt, _derive(password, salt))


def is_password(password: str, stored: PasswordDigest) -> bool:
    """Tell whether `password` is the one that `stored` was made from."""
    return hmac.compare_digest(_derive(password, stored.salt), stored.digest)


def _derive(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_COST, r=_BLOCK_SIZE, p=_PARALLEL)
