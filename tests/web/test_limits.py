"""Limits on how often: what is too much is refused in plain words, and changes nothing."""

from dataclasses import replace

import pytest

from web.accounts.models import SignIn
from web.accounts.services import create_token
from web.submissions.models import Submission

from .api.conftest import Program, is_problem
from .conftest import PASSWORD, Browser


@pytest.fixture
def settings(settings):
    return replace(settings, sign_ins_per_minute=3, uploads_per_minute=2)


@pytest.fixture
def program(app, service, course):
    def make(login):
        with service.database.writing() as rows:
            token = create_token(rows, course.people[login], "test", ["submit", "read"])[1]
        return Program(app.test_client(), token)

    return make


def test_whoever_guesses_passwords_is_stopped_and_told_so(app, service, course):
    browser = Browser(app.test_client())
    answers = [browser.post("/sign-in", login="sam", password="wrong") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    answer = browser.post("/sign-in", login="sam", password=PASSWORD)
    assert answer.status_code == 429
    assert "wait a minute" in answer.text
    assert answer.headers["Retry-After"] == "60"
    with service.database.reading() as rows:
        assert rows.query(SignIn).count() == 0


def test_uploads_are_limited_by_person_and_not_by_address(program, service):
    sam, tess = program("sam"), program("tess")
    assert [sam.hand_in().status_code for _ in range(2)] == [201, 201]
    answer = sam.hand_in()
    problem = is_problem(answer, 429)
    assert "Nothing was taken" in problem["detail"]
    assert answer.headers["Retry-After"] == "60"
    assert tess.hand_in().status_code == 201
    with service.database.reading() as rows:
        assert rows.query(Submission).count() == 3


def test_looking_is_not_limited_with_uploads(program):
    sam = program("sam")
    for _ in range(3):
        sam.hand_in()
    assert sam.get("/courses/dl/assignments/dense/submissions").status_code == 200


def test_a_second_token_is_no_second_person(program):
    first, second = program("sam"), program("sam")
    assert [each.hand_in().status_code for each in (first, second, first)] == [201, 201, 429]


def test_without_an_issuer_there_is_no_single_sign_on(app, course):
    assert app.test_client().get("/oidc/start").status_code == 404
    assert "/oidc/" not in app.test_client().get("/sign-in").text
