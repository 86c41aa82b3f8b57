"""Whatever goes wrong, programs get a problem document."""

import pytest

from web.accounts.models import ApiToken
from web.accounts.services import create_token, revoke_token
from web.database import now

from .conftest import Program, is_problem


def test_without_a_token_nobody_is_answered(program_of):
    answer = program_of(None).get("/me")
    is_problem(answer, 401)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Bearer x", "Basic abc", "bearer \xff", "x" * 5000]
)
def test_an_odd_token_is_none(app, course, header):
    client = app.test_client()
    is_problem(client.get("/api/v1/me", headers={"Authorization": header}), 401)


def test_a_browser_s_sign_in_is_no_token(client_of):
    is_problem(client_of("sam").get("/api/v1/me"), 401)


def test_a_token_is_no_sign_in(app, token_of):
    headers = {"Authorization": f"Bearer {token_of('sam')}"}
    assert app.test_client().get("/account", headers=headers).status_code == 302


def test_a_token_does_what_its_scopes_say_and_no_more(program_of):
    reads, submits = program_of("sam", "read"), program_of("sam", "submit")
    problem = is_problem(reads.hand_in(), 403)
    assert "submit" in problem["detail"]
    assert submits.hand_in().status_code == 201
    is_problem(submits.get("/me"), 403)


def test_a_token_that_ended_is_worth_nothing(app, service, course):
    with service.database.writing() as rows:
        token, text = create_token(rows, course.people["sam"], "test", ["read"], 1)
    program = Program(app.test_client(), text)
    assert program.get("/me").status_code == 200
    with service.database.writing() as rows:
        rows.get(ApiToken, token.id).expires_at = now()
    is_problem(program.get("/me"), 401)
    with service.database.writing() as rows:
        rows.get(ApiToken, token.id).expires_at = None
        revoke_token(rows, course.people["sam"].id, token.id)
    is_problem(program.get("/me"), 401)


def test_the_last_use_of_a_token_is_noted_once_a_minute(program_of, service):
    sam = program_of("sam")

    def used_at():
        service.token_uses.write()
        with service.database.reading() as rows:
            return rows.query(ApiToken).one().last_used_at

    assert used_at() is None
    sam.get("/me")
    first = used_at()
    assert first is not None
    sam.get("/me")
    assert used_at() == first
    with service.database.writing() as rows:
        rows.query(ApiToken).one().last_used_at = first.replace(year=2020)
    sam.get("/me")
    assert used_at() >= first


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/courses/nothing/assignments", 404),
        ("GET", "/courses/dl%00/assignments", 404),
        ("GET", "/courses/dl/assignments/nothing", 404),
        ("GET", "/courses/dl/assignments/dense%00", 404),
        ("GET", "/submissions/nothing", 404),
        ("GET", "/submissions/nothing%00", 404),
        ("POST", "/me", 405),
        ("DELETE", "/courses", 405),
    ],
)
def test_a_wrong_address_or_method_is_a_problem_document(program_of, method, path, status):
    program = program_of("sam")
    answer = program.client.open(f"/api/v1{path}", method=method, headers=program.headers)
    is_problem(answer, status)
    if status == 405:
        assert "OPTIONS" in answer.headers["Allow"]


def test_the_service_s_own_faults_are_problem_documents(program_of, service, monkeypatch):
    def full(content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(service.blobs, "put", full)
    answer = program_of("sam").hand_in()
    problem = is_problem(answer, 503)
    assert "Nothing was taken" in problem["detail"]
    assert answer.headers["Retry-After"] == "60"
