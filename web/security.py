"""What every answer says to the browser, and who asks: headers, cookies, sign-ins."""

import secrets
from pathlib import Path

from flask import Flask, Response, g, request, session
from flask_wtf import CSRFProtect
from sqlalchemy.orm import Session
from werkzeug.middleware.proxy_fix import ProxyFix

from web.accounts.services import signed_in, token_owner
from web.rules import is_for_programs
from web.services import services
from web.settings import Settings

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

TOKEN = "token"  # noqa: S105 - the key of it in the cookie


csrf = CSRFProtect()


def secure(app: Flask, settings: Settings) -> None:
    """Set up cookies, headers and CSRF."""
    app.config.update(
        SECRET_KEY=secret_key(settings),
        SESSION_COOKIE_NAME="onebyone",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.https,
        MAX_CONTENT_LENGTH=settings.upload_bytes,
        MAX_FORM_MEMORY_SIZE=settings.upload_bytes,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the sign-in
        WTF_CSRF_CHECK_DEFAULT=False,
    )
    if settings.proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies, x_host=settings.proxies
        )
    csrf.init_app(app)
    app.after_request(_add_headers)


def identify(rows: Session) -> None:
    """Who asks: a browser by its cookie, a program by its token, never one by the other's."""
    g.scopes = frozenset()
    services().token_uses.write_if_due()
    if is_for_programs():
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and text:
            owner = token_owner(rows, text.strip())
            if owner is not None:
                g.user, used = owner
                g.scopes = frozenset(used.scopes.split())
                services().token_uses.note(used)
        return
    csrf.protect()
    if (token := session.get(TOKEN)) is not None:
        found = signed_in(rows, token)
        if found is not None:
            g.user, g.sign_in = found


def _add_headers(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
    if services().settings.https:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint != "static":
        headers.setdefault("Cache-Control", "no-store")
    return response


def secret_key(settings: Settings) -> str:
    """What signs cookies, links and tokens."""
    return settings.secret_key or _kept_key(settings.data)


def _kept_key(data: Path) -> str:
    """The key of this data folder, made once and readable by its owner only."""
    path = data / "secret-key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32), encoding="ascii")
    return path.read_text(encoding="ascii")
