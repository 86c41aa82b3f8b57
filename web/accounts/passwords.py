"""Passwords and other secrets: only hashes are ever stored."""

import hashlib
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from web.errors import Invalid

SHORTEST = 10
LONGEST = 200

_hasher = PasswordHasher()
_NOBODY = _hasher.hash(secrets.token_hex(16))


def hash_password(password: str) -> str:
    """An Argon2id hash. Raises Invalid for a password that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid(f"A password has {SHORTEST} to {LONGEST} characters.")
    return _hasher.hash(password)


def is_password(password: str, hashed: str | None) -> bool:
    """Whether the hash is the password's; takes as long where there is no hash."""
    try:
        fits = _hasher.verify(hashed or _NOBODY, password[: LONGEST + 1])
    except (VerificationError, InvalidHashError):
        return False
    return fits and hashed is not None


def is_outdated(hashed: str) -> bool:
    """Whether it was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(hashed)


def new_secret() -> str:
    """256 random bits, as text for a URL or a cookie."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """SHA-256: enough for what is random itself."""
    return hashlib.sha256(secret.encode()).hexdigest()
