"""Every route, for everybody: what its rule says is what happens. The routes are the app's own."""

from types import SimpleNamespace

import pytest

from web.accounts.services import SCOPES, create_token, create_user
from web.app import create_app
from web.courses.models import Role
from web.courses.services import create_course, enrol
from web.rules import RuleMissing, Who, allow, require_rules, rule_of

PEOPLE = ("nobody", "owner", "peer", "outsider", "assistant", "instructor", "elsewhere", "admin")
LOGINS = {
    "owner": "sam",
    "peer": "tess",
    "outsider": "otto",
    "assistant": "anna",
    "instructor": "ines",
    "elsewhere": "elsa",
    "admin": "root",
}

ALLOWED = {
    Who.ANYONE: set(PEOPLE),
    Who.SIGNED_IN: set(PEOPLE) - {"nobody"},
    Who.MEMBER: {"owner", "peer", "assistant", "instructor"},
    Who.STAFF: {"assistant", "instructor"},
    Who.INSTRUCTOR: {"instructor"},
    Who.OWNER: {"owner", "assistant", "instructor"},
    Who.GRADER: {"assistant", "instructor"},
    Who.ADMIN: {"admin"},
}
"""Whom a rule lets in, of a submission of the first student's."""


@pytest.fixture
def world(app, service, course, hand_in, client_of):
    """Everybody's browser and tokens, and which views were entered."""
    with service.database.writing() as rows:
        elsa = create_user(rows, "elsa", "Elsa Elsewhere")
        elsa.password_hash = course.people["sam"].password_hash
        other = create_course(rows, None, "other", "Another course")
        enrol(rows, other.id, elsa.id, Role.INSTRUCTOR)
        course.people["elsa"] = elsa
    submission = hand_in("sam")
    entered = []

    def watched(endpoint, view):
        def enter(**arguments):
            entered.append(endpoint)
            return "entered"

        enter.__dict__.update(view.__dict__)  # the rule is on it
        return enter

    rules = {route.endpoint: rule_of(app, route.endpoint) for route in app.url_map.iter_rules()}
    browsers = {who: client_of(LOGINS[who]) if who in LOGINS else client_of(None) for who in PEOPLE}
    tokens = {}
    with service.database.writing() as rows:
        for who, login in LOGINS.items():
            person = course.people[login]
            tokens[who] = {"": create_token(rows, person, "all", list(SCOPES))[1]}
            for scope in SCOPES:
                others = [each for each in SCOPES if each != scope]
                tokens[who][scope] = create_token(rows, person, "less", others)[1]
    for endpoint, view in list(app.view_functions.items()):
        if endpoint != "static" and endpoint != "accounts.sign_in":  # the form has the CSRF token
            app.view_functions[endpoint] = watched(endpoint, view)
    return SimpleNamespace(
        app=app,
        rules=rules,
        browsers=browsers,
        tokens=tokens,
        entered=entered,
        arguments={
            "course": course.slug,
            "assignment": course.assignment,
            "receipt": submission.receipt,
            "login": "sam",
            "token": "x",
            "filename": "icon.svg",
        },
    )


def test_every_route_lets_in_whom_its_rule_names_and_nobody_else(world):
    wrong, tried = [], 0
    for route, method in _routes(world.app):
        rule = world.rules[route.endpoint]
        path = _path(world, route)
        for who in PEOPLE:
            answer = _ask(world, path, method, who)
            wrong += _judge(world, route, who, answer, who in ALLOWED[rule.who])
            tried += 1
        if rule.scope:
            for who in ALLOWED[rule.who]:
                answer = _ask(world, path, method, who, without=rule.scope)
                wrong += _judge(world, route, f"{who} without scope", answer, False)
    assert tried > 20 * len(PEOPLE)
    assert not wrong, "\n".join(wrong)


def test_no_route_changes_anything_for_a_browser_without_the_token_of_its_form(world):
    for route, method in _routes(world.app):
        if method == "GET" or route.rule.startswith("/api/"):
            continue
        answer = world.browsers["instructor"].client.open(_path(world, route), method=method)
        assert answer.status_code == 400, route
        assert route.endpoint not in world.entered


def test_who_is_disabled_is_nobody(world, service, course):
    from web.accounts.models import User
    from web.database import now

    with service.database.writing() as rows:
        rows.get(User, course.people["sam"].id).disabled_at = now()
    assert _ask(world, "/account", "GET", "owner").status_code == 302
    assert _ask(world, "/api/v1/me", "GET", "owner").status_code == 401


def test_who_was_dropped_from_a_course_is_not_in_it(world, service, course):
    from web.courses.models import Enrolment
    from web.database import now

    with service.database.writing() as rows:
        rows.query(Enrolment).filter_by(user_id=course.people["ines"].id).one().dropped_at = now()
    for route, method in _routes(world.app):
        if {"course", "receipt"} & set(route.arguments):
            answer = _ask(world, _path(world, route), method, "instructor")
            assert answer.status_code == 404, route


@pytest.mark.parametrize(
    ("address", "mark"),
    [
        ("/bare", None),
        ("/bare", allow(Who.STAFF)),
        ("/<course>/bare", allow(Who.OWNER)),
        ("/api/v1/bare", allow(Who.SIGNED_IN)),
        ("/bare", allow(Who.SIGNED_IN, scope="read")),
    ],
    ids=["none", "no course", "no receipt", "no scope", "needless scope"],
)
def test_a_route_without_a_rule_that_fits_keeps_the_service_from_starting(
    settings, monkeypatch, address, mark
):
    def view(**arguments):
        return ""

    def with_one_more(app):
        app.add_url_rule(address, "bare", mark(view) if mark else view)
        require_rules(app)

    monkeypatch.setattr("web.app.require_rules", with_one_more)
    with pytest.raises(RuleMissing):
        create_app(settings)


def _routes(app):
    """All routes with each of their methods."""
    return [
        (route, method)
        for route in app.url_map.iter_rules()
        for method in sorted(route.methods - {"HEAD", "OPTIONS"})
        if (route.endpoint, method) not in {("static", "GET"), ("accounts.sign_in", "GET")}
    ]


def _path(world, route):
    values = {name: _value(world, name, route._converters[name]) for name in route.arguments}
    _domain, path = route.build(values)
    return path


def _value(world, name, converter):
    if getattr(converter, "num_convert", None):
        return 1
    if words := getattr(converter, "items", None):  # one of some words
        return sorted(words)[0]
    return world.arguments.get(name, "x")


def _ask(world, path, method, who, without=""):
    world.entered.clear()
    if path.startswith("/api/"):
        token = world.tokens[who][without] if who in world.tokens else None
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return world.app.test_client().open(path, method=method, headers=headers)
    browser = world.browsers[who]
    return browser.get(path) if method == "GET" else browser.post(path)


def _judge(world, route, who, answer, is_allowed):
    entered = route.endpoint in world.entered
    refused = answer.status_code in (302, 401, 403, 404)
    if answer.status_code == 302:
        refused = answer.headers["Location"].startswith("/sign-in?next=")
    if is_allowed == entered and (is_allowed or refused):
        return []
    return [f"{route.rule} ({route.endpoint}) for {who}: {answer.status_code}, entered: {entered}"]
