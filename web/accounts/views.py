"""Pages about oneself: signing in, invitations, the account."""

from apiflask import APIBlueprint
from flask import flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from web.accounts import services as people
from web.accounts.models import ApiToken, SignIn, User
from web.accounts.passwords import is_password
from web.audit import log_act
from web.database import now
from web.errors import Invalid
from web.limits import limit_sign_ins
from web.rules import Who, allow, current_sign_in, user
from web.security import TOKEN
from web.services import services

accounts = APIBlueprint("accounts", __name__, enable_openapi=False)


@accounts.get("/sign-in")
@allow(Who.ANYONE)
def sign_in() -> ResponseReturnValue:
    """The form."""
    return _sign_in_page(inside(request.args.get("next")))


@accounts.post("/sign-in")
@allow(Who.ANYONE)
@limit_sign_ins
def sign_in_now() -> ResponseReturnValue:
    """Check login and password."""
    login, password = request.form.get("login", ""), request.form.get("password", "")
    database = services().database
    with database.writing() as rows:
        person = people.authenticate(rows, login, password)
        if person is None:
            log_act(rows, None, "sign-in refused", login[:64], address=request.remote_addr or "")
            token = ""
        else:
            token = begin(rows, person)
    if person is None:
        problem = "Login and password do not fit together."
        return _sign_in_page(inside(request.form.get("next")), login, problem), 401
    session.clear()
    session[TOKEN] = token
    return redirect(inside(request.form.get("next")) or url_for("courses.home"))


def _sign_in_page(to: str, login: str = "", problem: str = "") -> str:
    settings = services().settings
    return render_template(
        "accounts/sign_in.html",
        next=to,
        login=login,
        problem=problem,
        sign_on=settings.oidc_name if settings.oidc_issuer else "",
    )


def begin(rows: Session, person: User) -> str:
    """A sign-in of this browser; the token for its cookie."""
    browser = request.user_agent.string
    log_act(rows, person.id, "sign in", person.login, address=request.remote_addr or "")
    return people.sign_in(rows, person, browser, services().settings.session_hours)


@accounts.post("/sign-out")
@allow(Who.SIGNED_IN)
def sign_out() -> ResponseReturnValue:
    """End this browser's sign-in."""
    entry = current_sign_in()
    if entry is not None:
        with services().database.writing() as rows:
            people.sign_out(rows, user().id, entry.id)
    session.clear()
    return redirect(url_for("accounts.sign_in"))


@accounts.get("/invitation/<token>")
@allow(Who.ANYONE)
def invitation(token: str) -> ResponseReturnValue:
    """Where somebody who was invited sets a password."""
    with services().database.reading() as rows:
        _invitation, person = people.invited(rows, token)
    return render_template("accounts/invitation.html", person=person, token=token)


@accounts.post("/invitation/<token>")
@allow(Who.ANYONE)
@limit_sign_ins
def accept_invitation(token: str) -> ResponseReturnValue:
    """Set it, and sign in."""
    with services().database.writing() as rows:
        person = people.accept_invitation(rows, token, _password_twice())
        secret = begin(rows, person)
    session.clear()
    session[TOKEN] = secret
    return redirect(url_for("courses.home"))


@accounts.get("/account")
@allow(Who.SIGNED_IN)
def account() -> ResponseReturnValue:
    """Password, time zone, tokens, and where one is signed in."""
    return _account_page()


@accounts.post("/account/password")
@allow(Who.SIGNED_IN)
@limit_sign_ins
def change_password() -> ResponseReturnValue:
    """Set another password; all other sign-ins end."""
    with services().database.writing() as rows:
        person = rows.get_one(User, user().id)
        if not is_password(request.form.get("old", ""), person.password_hash):
            raise Invalid("The present password is another one.")
        people.set_password(rows, person, _password_twice())
        log_act(rows, person.id, "change password", person.login)
        token = begin(rows, person)
    session.clear()
    session[TOKEN] = token
    flash("Your password is changed. You are signed out everywhere else.")
    return redirect(url_for("accounts.account"))


@accounts.post("/account/time-zone")
@allow(Who.SIGNED_IN)
def change_time_zone() -> ResponseReturnValue:
    """Show times in another zone."""
    with services().database.writing() as rows:
        people.set_time_zone(rows.get_one(User, user().id), request.form.get("time_zone", ""))
    flash("Your time zone is changed.")
    return redirect(url_for("accounts.account"))


@accounts.post("/account/sign-ins/<int:sign_in_id>/end")
@allow(Who.SIGNED_IN)
def end_sign_in(sign_in_id: int) -> ResponseReturnValue:
    """Sign another browser out."""
    with services().database.writing() as rows:
        people.sign_out(rows, user().id, sign_in_id)
    flash("That browser is signed out.")
    return redirect(url_for("accounts.account"))


@accounts.post("/account/tokens")
@allow(Who.SIGNED_IN)
def create_token() -> ResponseReturnValue:
    """A token for a program; its text is shown once."""
    days = request.form.get("days", type=int)
    with services().database.writing() as rows:
        person = rows.get_one(User, user().id)
        name, scopes = request.form.get("name", ""), request.form.getlist("scopes")
        token, text = people.create_token(rows, person, name, scopes, days)
        log_act(rows, person.id, "create token", token.name, scopes=token.scopes)
    return _account_page(new_token=text)


@accounts.post("/account/tokens/<int:token_id>/revoke")
@allow(Who.SIGNED_IN)
def revoke_token(token_id: int) -> ResponseReturnValue:
    """Make a token worthless."""
    with services().database.writing() as rows:
        people.revoke_token(rows, user().id, token_id)
        log_act(rows, user().id, "revoke token", str(token_id))
    flash("The token is revoked.")
    return redirect(url_for("accounts.account"))


def _account_page(new_token: str | None = None) -> str:
    services().token_uses.write()  # the page shows them
    person = user()
    with services().database.reading() as rows:
        tokens = rows.scalars(
            select(ApiToken)
            .where(ApiToken.user_id == person.id, ApiToken.revoked_at.is_(None))
            .order_by(ApiToken.id)
        ).all()
        sign_ins = rows.scalars(
            select(SignIn)
            .where(
                SignIn.user_id == person.id,
                SignIn.revoked_at.is_(None),
                SignIn.expires_at > now(),
            )
            .order_by(SignIn.id.desc())
        ).all()
    return render_template(
        "accounts/account.html",
        tokens=tokens,
        sign_ins=sign_ins,
        this=current_sign_in(),
        scopes=people.SCOPES,
        new_token=new_token,
    )


def _password_twice() -> str:
    password = request.form.get("password", "")
    if password != request.form.get("again", ""):
        raise Invalid("The two passwords are not the same.")
    return password


def inside(address: str | None) -> str:
    """An address of this service, or nothing: never somebody else's."""
    if address is None or not address.startswith("/") or address.startswith(("//", "/\\")):
        return ""
    return address if address.isprintable() and "\\" not in address else ""
