"""Which requests are for whom. Every route has a rule, and it is kept before the view runs."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from flask import Flask, Response, g, redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.exceptions import Unauthorized

from web.accounts.models import SignIn, User
from web.courses.access import ANYBODY, STAFF, Place, enter, submission_for
from web.courses.models import Role
from web.errors import Forbidden, NotFound
from web.services import services

_View = TypeVar("_View", bound=Callable[..., Any])
_RULE = "onebyone_rule"

PUBLIC_ENDPOINTS = frozenset({"static"})
"""Routes that libraries add: files that are the same for everybody."""


class Who(StrEnum):
    """Whom a route is for.

    `member`, `staff` and `instructor` are of the course that the route's `<course>` names;
    `owner` handed in what its `<receipt>` names, or is staff where that was handed in;
    `grader` is such staff.
    """

    ANYONE = "anyone"
    SIGNED_IN = "signed in"
    MEMBER = "member"
    STAFF = "staff"
    INSTRUCTOR = "instructor"
    OWNER = "owner"
    GRADER = "grader"
    ADMIN = "admin"


_ROLES = {
    Who.MEMBER: ANYBODY,
    Who.STAFF: STAFF,
    Who.INSTRUCTOR: frozenset({Role.INSTRUCTOR}),
}


@dataclass(frozen=True)
class Rule:
    """A route's.

    Attributes:
        who: Whom it is for.
        scope: Which of a token's scopes it asks for; of routes for programs only.
    """

    who: Who
    scope: str = ""


class RuleMissing(Exception):
    """A route was added without a rule, or with one that does not fit its address."""


def allow(who: Who, scope: str = "") -> Callable[[_View], _View]:
    """Give a view its rule; below the decorator that gives it its route."""

    def mark(view: _View) -> _View:
        setattr(view, _RULE, Rule(who, scope))
        return view

    return mark


def rule_of(app: Flask, endpoint: str) -> Rule:
    """A route's rule. Raises RuleMissing."""
    if endpoint in PUBLIC_ENDPOINTS:
        return Rule(Who.ANYONE)
    found = getattr(app.view_functions[endpoint], _RULE, None)
    if not isinstance(found, Rule):
        raise RuleMissing(f"The route {endpoint} has no rule: put @allow(...) on its view.")
    return found


def require_rules(app: Flask) -> None:
    """Make sure that all routes have a rule that fits their address. Raises RuleMissing."""
    for route in app.url_map.iter_rules():
        rule = rule_of(app, route.endpoint)
        needs = {
            Who.MEMBER: "course",
            Who.STAFF: "course",
            Who.INSTRUCTOR: "course",
            Who.OWNER: "receipt",
            Who.GRADER: "receipt",
        }.get(rule.who)
        if needs is not None and needs not in route.arguments:
            raise RuleMissing(f"{route.rule} is for {rule.who}s, but names no <{needs}>.")
        for_programs = route.rule.startswith("/api/") and rule.who is not Who.ANYONE
        if for_programs != bool(rule.scope):
            raise RuleMissing(f"{route.rule}: routes for programs, and only these, need a scope.")


def keep_rules(app: Flask, identify: Callable[[Session], None]) -> None:
    """From now on, no view of the application runs for whom it is not.

    Args:
        app: With all of its routes.
        identify: Finds out who makes the request, see `signed_in_user`.
    """

    @app.before_request
    def _admit() -> Response | None:
        with services().database.reading() as rows:
            identify(rows)
            return _keep(rows)

    def _keep(rows: Session) -> Response | None:
        if request.endpoint is None:
            return None  # no such route
        if any("\0" in str(value) for value in (request.view_args or {}).values()):
            raise NotFound("There is nothing at this address.")  # no database looks for that
        rule = rule_of(app, request.endpoint)
        if rule.who is Who.ANYONE:
            return None
        user = signed_in_user()
        if user is None:
            if is_for_programs() or request.method != "GET":
                raise Unauthorized
            to = url_for("accounts.sign_in", next=request.full_path.rstrip("?"))
            answer: Response = redirect(to)  # type: ignore[assignment]
            return answer
        if is_for_programs() and rule.scope and rule.scope not in g.scopes:
            raise Forbidden(f"Your token is not for this: it needs the scope {rule.scope}.")
        _require(rows, rule, user)
        return None


def _require(rows: Session, rule: Rule, user: User) -> None:
    arguments = request.view_args or {}
    if rule.who is Who.ADMIN and not user.is_admin:
        raise Forbidden("This is for those who run the service.")
    if rule.who in _ROLES:
        g.place = enter(rows, user, arguments["course"], _ROLES[rule.who])
    elif rule.who in (Who.OWNER, Who.GRADER):
        g.submission, g.place = submission_for(
            rows, user, arguments["receipt"], staff_only=rule.who is Who.GRADER
        )


def is_for_programs() -> bool:
    """Whether the request is one of the interface for programs."""
    return request.path.startswith("/api/")


def signed_in_user() -> User | None:
    """Who makes the request; None where nobody is signed in."""
    user: User | None = g.get("user")
    return user


def user() -> User:
    """Who makes the request, where the rule has made sure that somebody does."""
    found: User = g.user
    return found


def current_sign_in() -> SignIn | None:
    """The browser's sign-in; None for a program's request."""
    found: SignIn | None = g.get("sign_in")
    return found


def place() -> Place:
    """Their place in the course that the request is about, where its rule asks for one."""
    found: Place = g.place
    return found
