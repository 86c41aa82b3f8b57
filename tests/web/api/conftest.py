"""Programs of people: clients that show a token."""

import io

import pytest

from web.accounts.services import SCOPES, create_token


@pytest.fixture
def token_of(service, course):
    """A function that makes a token of somebody."""

    def make(login, *scopes):
        with service.database.writing() as rows:
            return create_token(rows, course.people[login], "test", list(scopes or SCOPES))[1]

    return make


@pytest.fixture
def program_of(app, token_of):
    """A function that gives a client of somebody; None is for nobody."""

    def make(login, *scopes):
        return Program(app.test_client(), login and token_of(login, *scopes))

    return make


class Program:
    """A client of the interface for programs; paths are relative to its root."""

    def __init__(self, client, token):
        self.client = client
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path, **options):
        return self.client.get(f"/api/v1{path}", headers=self.headers, **options)

    def post(self, path, headers=None, **options):
        headers = {**self.headers, **(headers or {})}
        return self.client.post(f"/api/v1{path}", headers=headers, **options)

    def put(self, path, **options):
        return self.client.put(f"/api/v1{path}", headers=self.headers, **options)

    def delete(self, path):
        return self.client.delete(f"/api/v1{path}", headers=self.headers)

    def hand_in(self, *files, key=None, to="/courses/dl/assignments/dense/submissions", agent=None):
        files = files or (("layers.py", b"class Dense: ...\n"),)
        headers = {"Idempotency-Key": key} if key else {}
        if agent:
            headers["User-Agent"] = agent
        data = {"files": [(io.BytesIO(content), name) for name, content in files]}
        return self.post(to, headers=headers, data=data)


def is_problem(answer, status):
    """Whether it is a problem document of this status that says so itself."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    problem = answer.get_json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert {"type", "title", "status", "detail"} <= set(problem)
    return problem
