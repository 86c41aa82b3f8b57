"""Signing in by OpenID Connect: code flow with PKCE, against one issuer that the settings name.

Who a person is, the issuer says; what they may do, only our own tables say: nobody gets an account
or a role by signing in.
"""

from collections.abc import Mapping
from typing import Any

import requests
import structlog
from apiflask import APIBlueprint
from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, current_app, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from joserfc.errors import JoseError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from web.accounts.models import User
from web.accounts.views import begin, inside
from web.audit import log_act
from web.errors import Forbidden, RequestRefused
from web.limits import limit_sign_ins
from web.rules import Who, allow
from web.security import TOKEN
from web.services import services
from web.settings import Settings

log = structlog.get_logger()
oidc = APIBlueprint("oidc", __name__, url_prefix="/oidc", enable_openapi=False)

_CLIENT = "onebyone_oidc"
_NEXT = "oidc_next"
_TIMEOUT_S = (5, 20)
_LEEWAY_S = 60
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
"""Of signatures by the issuer's own key: none that our own secret could make, and not none."""


class SignOnFailed(RequestRefused):
    """The issuer did not do its part."""

    status = 502
    title = "Single sign-on failed"


def set_up_sign_on(app: Flask, settings: Settings) -> None:
    """Add the routes, if the settings name an issuer."""
    if not settings.oidc_issuer:
        return
    issuer = settings.oidc_issuer.rstrip("/")
    app.extensions[_CLIENT] = OAuth(app).register(
        "issuer",
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret or None,
        server_metadata_url=f"{issuer}/.well-known/openid-configuration",
        client_kwargs={
            "scope": "openid email profile",
            "code_challenge_method": "S256",
            "default_timeout": _TIMEOUT_S,
        },
    )
    app.register_blueprint(oidc)


@oidc.get("/start")
@allow(Who.ANYONE)
@limit_sign_ins
def start() -> ResponseReturnValue:
    """Send the browser to the issuer."""
    client = current_app.extensions[_CLIENT]
    try:
        _require_issuer(client)
        answer: ResponseReturnValue = client.authorize_redirect(
            url_for("oidc.callback", _external=True)
        )
    except (requests.RequestException, RuntimeError, ValueError) as error:
        log.error("the issuer of single sign-on does not answer", error=repr(error))
        raise SignOnFailed("The sign-on service does not answer: try again later.") from error
    session[_NEXT] = inside(request.args.get("next"))
    return answer


@oidc.get("/callback")
@allow(Who.ANYONE)
@limit_sign_ins
def callback() -> ResponseReturnValue:
    """Where the issuer sends the browser back to."""
    claims = _claims(current_app.extensions[_CLIENT])
    address = request.remote_addr or ""
    with services().database.writing() as rows:
        person = find_person(rows, services().settings.oidc_issuer, claims)
        if person is None:
            log_act(rows, None, "sign-in refused", str(claims["sub"])[:64], address=address)
            token = ""
        else:
            token = begin(rows, person)
    if person is None:
        raise Forbidden(
            "You have no account here that belongs to this sign-on. Ask your instructor to add you "
            "with the e-mail address that the sign-on service knows you by."
        )
    after = session.get(_NEXT) or url_for("courses.home")
    session.clear()
    session[TOKEN] = token
    return redirect(after)


def find_person(rows: Session, issuer: str, claims: Mapping[str, Any]) -> User | None:
    """Whose sign-on it is.

    That is whoever has signed on by it before. The first time it is the one account with the
    e-mail address that the issuer has verified, and only if nothing else lets anybody into that
    account yet and it does not run the service: so nobody takes over an account that is in use.
    """
    subject = f"{issuer} {claims['sub']}"
    if len(subject) > 255:
        return None
    known = rows.scalar(select(User).where(User.oidc_subject == subject))
    if known is not None:
        return known if known.disabled_at is None else None
    email = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(email, str) or not email:
        return None
    found = rows.scalars(select(User).where(func.lower(User.email) == email.lower()).limit(2)).all()
    if len(found) != 1:
        return None
    (person,) = found
    in_use = person.password_hash is not None or person.oidc_subject is not None
    if in_use or person.is_admin or person.disabled_at is not None:
        return None
    person.oidc_subject = subject
    log_act(rows, person.id, "link sign-on", person.login, sign_on=subject)
    return person


def _claims(client: Any) -> dict[str, Any]:
    """What the issuer says of the person, proved. Raises Forbidden or SignOnFailed."""
    settings = services().settings
    try:
        _require_issuer(client)
        token = client.authorize_access_token(
            claims_options={
                "iss": {"essential": True, "value": settings.oidc_issuer},
                "aud": {"essential": True, "value": settings.oidc_client_id},
                "sub": {"essential": True},
            },
            leeway=_LEEWAY_S,
        )
    except (OAuthError, JoseError) as error:
        log.warning("a sign-on was refused", error=repr(error))
        raise Forbidden("This sign-on is not good or was used before: begin again.") from error
    except (requests.RequestException, RuntimeError, ValueError, KeyError, TypeError) as error:
        log.error("the issuer of single sign-on does not answer", error=repr(error))
        raise SignOnFailed("The sign-on service does not answer: try again later.") from error
    claims = token.get("userinfo")
    if not claims or not isinstance(claims.get("sub"), str) or not claims["sub"].isprintable():
        raise Forbidden("The sign-on service did not say who you are.")
    return dict(claims)


def _require_issuer(client: Any) -> None:
    """Make sure that the metadata is the named issuer's. Raises ValueError."""
    metadata = client.load_server_metadata()
    if metadata.get("issuer") != services().settings.oidc_issuer:
        raise ValueError(f"the metadata are those of {metadata.get('issuer')!r}")
    metadata["id_token_signing_alg_values_supported"] = _ALGORITHMS
