"""Store passwords as salted scrypt digests, and verify them in constant time."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from attrs import frozen

_COST: Final = 2**14
"""About 50 ms and 16 MiB per check: slow for an attacker, and a quarter of a login's target."""

_BLOCK_SIZE, _PARALLEL, _SALT_BYTES = 8, 1, 16


@frozen(repr=False)
class PasswordDigest:
    """The salted digest that is stored instead of a password."""

    salt: bytes
    digest: bytes


def digest_password(password: str) -> PasswordDigest:
    """Return the digest of `password` with a new salt."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return PasswordDigest(salt, _derive(password, salt))


def verify_password(password: str, stored: PasswordDigest) -> bool:
    """Return whether `stored` is the digest of `password`."""
    return hmac.compare_digest(_derive(password, stored.salt), stored.digest)


def _derive(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_COST, r=_BLOCK_SIZE, p=_PARALLEL)
