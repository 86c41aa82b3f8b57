"""When a token was used last: noted to the minute, gathered, and written by and by."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from web.accounts import uses
from web.accounts.models import ApiToken
from web.accounts.services import create_token
from web.accounts.uses import TokenUses
from web.database import now


@pytest.fixture
def database_url(each_database_url):
    return each_database_url


@pytest.fixture
def noted(service):
    return TokenUses(service.database)


@pytest.fixture
def token_of(service, course):
    """A function that makes a token for somebody."""

    def make(login):
        with service.database.writing() as rows:
            return create_token(rows, course.people[login], "test", ["read"])[0]

    return make


@pytest.fixture
def used_at(service):
    """A function that gives when a token was used last, as far as is written."""

    def find(token):
        with service.database.reading() as rows:
            return rows.get(ApiToken, token.id).last_used_at

    return find


def test_uses_are_written_together_once_some_seconds_have_passed(
    noted, token_of, used_at, monkeypatch
):
    sam, tess, unused = token_of("sam"), token_of("tess"), token_of("sam")
    before = now()
    for token in (tess, sam):
        noted.note(token)
    noted.write_if_due()
    assert used_at(sam) is None
    monkeypatch.setattr(uses, "_WRITTEN_AFTER_S", 0.0)
    noted.write_if_due()
    assert before <= used_at(tess) <= used_at(sam) <= now()
    assert used_at(unused) is None


def test_of_many_uses_in_a_minute_the_first_is_noted(noted, token_of, used_at, service):
    token = token_of("sam")
    noted.note(token)
    noted.write()
    first = used_at(token)
    with service.database.reading() as rows:
        token = rows.get(ApiToken, token.id)
    noted.note(token)
    noted.write()
    assert used_at(token) == first
    token.last_used_at = first - timedelta(minutes=2)  # as who read it before knows it
    noted.note(token)
    noted.write()
    assert used_at(token) > first


def test_a_use_that_another_process_noted_later_stands(noted, token_of, used_at, service):
    token = token_of("sam")
    noted.note(token)
    later = now() + timedelta(seconds=5)
    with service.database.writing() as rows:
        rows.get(ApiToken, token.id).last_used_at = later
    noted.write()
    assert used_at(token) == later


def test_what_the_database_does_not_take_is_kept_for_later(noted, token_of, used_at, service):
    token = token_of("sam")
    noted.note(token)
    with service.database.writing() as rows:
        rows.execute(text("ALTER TABLE api_token RENAME TO gone"))
    noted.write()
    with service.database.writing() as rows:
        rows.execute(text("ALTER TABLE gone RENAME TO api_token"))
    assert used_at(token) is None
    noted.write()
    assert used_at(token) is not None
