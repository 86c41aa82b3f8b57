"""What can be done with accounts. Every function works in the caller's session."""

import re
from datetime import timedelta
from zoneinfo import available_timezones

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from web.accounts.models import ApiToken, Invitation, SignIn, User
from web.accounts.passwords import (
    hash_password,
    hash_secret,
    is_outdated,
    is_password,
    new_secret,
)
from web.database import now
from web.errors import Conflict, Invalid, NotFound

SCOPES = ("submit", "read", "teach")
"""What a token may be for: hand in; look at what its owner sees; what instructors do."""

INVITATION_DAYS = 14
TOKEN_PREFIX = "onebyone_"  # noqa: S105 - the public part

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,180}")

# Made once: each request asks, and to make a statement anew costs more than to execute it.
_BY_COOKIE = (
    select(User, SignIn)
    .join(SignIn, SignIn.user_id == User.id)
    .where(SignIn.token_hash == bindparam("hashed"))
)
_BY_TOKEN = (
    select(User, ApiToken)
    .join(ApiToken, ApiToken.user_id == User.id)
    .where(ApiToken.token_hash == bindparam("hashed"))
)


def clean_login(text: str) -> str:
    """In the form that is stored. Raises Invalid."""
    login = text.strip().lower()
    if not _LOGIN.fullmatch(login):
        raise Invalid(
            "A login has 1 to 64 letters a to z, digits and . _ @ + -, and begins with a letter or "
            "a digit."
        )
    return login


def clean_name(text: str) -> str:
    """Without needless spaces. Raises Invalid."""
    name = " ".join(text.split())
    if not 1 <= len(name) <= 120 or not name.isprintable():
        raise Invalid("A name has 1 to 120 characters.")
    return name


def clean_email(text: str) -> str:
    """As it is, or empty. Raises Invalid."""
    if text and not (_EMAIL.fullmatch(text) and text.isprintable()):
        raise Invalid(f"This is no e-mail address: {text[:80]!r}.")
    return text


def create_user(
    session: Session,
    login: str,
    name: str,
    *,
    email: str = "",
    password: str | None = None,
    is_admin: bool = False,
) -> User:
    """Add a person.

    Raises:
        Invalid: A value is not acceptable.
        Conflict: The login is taken.
    """
    login, name, email = clean_login(login), clean_name(name), clean_email(email)
    if session.scalar(select(User.id).where(User.login == login)) is not None:
        raise Conflict(f"The login {login} is taken.")
    user = User(
        login=login,
        name=name,
        email=email,
        is_admin=is_admin,
        password_hash=None if password is None else hash_password(password),
    )
    session.add(user)
    session.flush()
    return user


def set_password(session: Session, user: User, password: str) -> None:
    """Set it, and sign the person out everywhere. Raises Invalid."""
    user.password_hash = hash_password(password)
    sign_out_everywhere(session, user.id)


def set_time_zone(user: User, name: str) -> None:
    """Set it, or with an empty name follow the course's. Raises Invalid."""
    if name and name not in available_timezones():
        raise Invalid(f"There is no time zone {name[:64]!r}: write it like Europe/Berlin.")
    user.time_zone = name or None


def authenticate(session: Session, login: str, password: str) -> User | None:
    """The person, if login and password are right and the account is not disabled."""
    user = session.scalar(select(User).where(User.login == login.strip().lower()))
    fits = is_password(password, user.password_hash if user else None)
    if user is None or not fits or user.disabled_at is not None:
        return None
    if user.password_hash and is_outdated(user.password_hash):
        user.password_hash = hash_password(password)
    return user


def sign_in(session: Session, user: User, browser: str, hours: int) -> str:
    """Begin a sign-in; the token is for the cookie."""
    token = new_secret()
    session.add(
        SignIn(
            user_id=user.id,
            token_hash=hash_secret(token),
            browser=browser[:200],
            expires_at=now() + timedelta(hours=hours),
        )
    )
    return token


def signed_in(session: Session, token: str) -> tuple[User, SignIn] | None:
    """Who a cookie's token stands for, if the sign-in is good."""
    row = session.execute(_BY_COOKIE, {"hashed": hash_secret(token)}).one_or_none()
    if row is None:
        return None
    user, entry = row
    good = entry.revoked_at is None and entry.expires_at > now() and user.disabled_at is None
    return (user, entry) if good else None


def sign_out(session: Session, user_id: int, sign_in_id: int) -> None:
    """End one of a person's sign-ins."""
    session.execute(
        update(SignIn)
        .where(SignIn.id == sign_in_id, SignIn.user_id == user_id, SignIn.revoked_at.is_(None))
        .values(revoked_at=now())
    )


def sign_out_everywhere(session: Session, user_id: int) -> None:
    """End all of a person's sign-ins."""
    session.execute(
        update(SignIn)
        .where(SignIn.user_id == user_id, SignIn.revoked_at.is_(None))
        .values(revoked_at=now())
    )


def invite(session: Session, user: User) -> str:
    """A token with which the person sets a password, once."""
    token = new_secret()
    session.add(
        Invitation(
            user_id=user.id,
            token_hash=hash_secret(token),
            expires_at=now() + timedelta(days=INVITATION_DAYS),
        )
    )
    return token


def invited(session: Session, token: str) -> tuple[Invitation, User]:
    """What an invitation's token stands for. Raises NotFound where it is not good any more."""
    row = session.execute(
        select(Invitation, User)
        .join(User, User.id == Invitation.user_id)
        .where(Invitation.token_hash == hash_secret(token))
    ).one_or_none()
    if row is None or row[0].used_at is not None or row[0].expires_at < now():
        raise NotFound("This invitation was used or has run out: ask for a new one.")
    return row[0], row[1]


def accept_invitation(session: Session, token: str, password: str) -> User:
    """Set the password of who was invited. Raises NotFound or Invalid."""
    invitation, user = invited(session, token)
    set_password(session, user, password)
    invitation.used_at = now()
    return user


def create_token(
    session: Session, user: User, name: str, scopes: list[str], days: int | None = None
) -> tuple[ApiToken, str]:
    """A token for programs; its text is shown this once.

    Raises:
        Invalid: A value is not acceptable.
    """
    name = " ".join(name.split())
    if not 1 <= len(name) <= 80:
        raise Invalid("A token's name has 1 to 80 characters: say what it is for.")
    if not scopes or set(scopes) - set(SCOPES):
        raise Invalid(f"A token is for at least one of {', '.join(SCOPES)}.")
    if days is not None and not 1 <= days <= 3650:
        raise Invalid("A token lasts from 1 to 3650 days.")
    text = TOKEN_PREFIX + new_secret()
    token = ApiToken(
        user_id=user.id,
        name=name,
        token_hash=hash_secret(text),
        scopes=" ".join(sorted(set(scopes))),
        expires_at=None if days is None else now() + timedelta(days=days),
    )
    session.add(token)
    session.flush()
    return token, text


def token_owner(session: Session, text: str) -> tuple[User, ApiToken] | None:
    """Whom a token stands for, and the token; None where it is not good."""
    row = session.execute(_BY_TOKEN, {"hashed": hash_secret(text)}).one_or_none()
    if row is None:
        return None
    user, token = row
    over = token.expires_at is not None and token.expires_at < now()
    if token.revoked_at is not None or over or user.disabled_at is not None:
        return None
    return user, token


def revoke_token(session: Session, user_id: int, token_id: int) -> None:
    """Make a person's token worthless. Raises NotFound where it is not theirs."""
    token = session.get(ApiToken, token_id)
    if token is None or token.user_id != user_id:
        raise NotFound("There is no such token.")
    token.revoked_at = token.revoked_at or now()
