"""When something of ours fails: clear words, and nothing lost."""

import errno
import os
from dataclasses import replace

import pytest
from sqlalchemy import text

from web.database import Database
from web.grading.models import Attempt, Result, State
from web.settings import read_settings
from web.submissions.models import Submission

from .doubling import RIGHT, write_doubling
from .endurance.service import ServiceProcess, prepare
from .waiting import wait_for

PATH = "/courses/dl/assignments/dense/submissions"


def count(service):
    with service.database.reading() as rows:
        return rows.query(Submission).count(), rows.query(Attempt).count()


@pytest.fixture
def program(program_of):
    return program_of("sam")


def test_on_a_full_disk_nothing_is_taken_and_the_student_is_told_so(program, service, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        answer = program.hand_in(key="once")
    assert answer.status_code == 503
    assert "Nothing was taken" in answer.json["detail"]
    assert answer.headers["Retry-After"] == "60"
    assert count(service) == (0, 0)
    assert program.hand_in(key="once").status_code == 201
    assert count(service) == (1, 1)


def test_while_the_database_is_locked_nothing_is_taken_and_the_student_is_told_so(program, service):
    with service.database.reading() as rows:
        rows.execute(text("PRAGMA busy_timeout=50"))
    other = Database(service.settings.url)
    with other.writing() as rows:
        rows.execute(text("UPDATE course SET grace_days = 0"))
        answer = program.hand_in(key="once")
    other.close()
    assert answer.status_code == 503
    assert "Nothing was taken" in answer.json["detail"]
    assert count(service) == (0, 0)
    assert program.hand_in(key="once").status_code == 201


def test_a_fault_in_a_page_is_a_page_too(client_of, service, monkeypatch):
    browser = client_of("sam")

    def broken(*_arguments, **_options):
        raise ZeroDivisionError

    monkeypatch.setattr("web.courses.views.render_template", broken)
    answer = browser.get("/")
    assert answer.status_code == 500
    assert "is safe" in answer.text
    assert "ZeroDivisionError" not in answer.text


def test_without_an_engine_submissions_wait_and_are_graded_when_it_is_back(tmp_path):
    data = tmp_path / "data"
    (token,) = prepare(data, write_doubling(tmp_path), 1)
    without = {"ONEBYONE_SANDBOX": "docker", "DOCKER_HOST": f"unix://{tmp_path}/no.sock"}
    service = ServiceProcess(data, without).start()
    receipt = service.hand_in(token, RIGHT, "once")
    wait_for(lambda: "grading is paused" in (data / "log").read_text(), 60)
    service.stop()
    database = Database(read_settings({}, data=data).url)
    with database.reading() as rows:
        assert rows.query(Submission).one().receipt == receipt["receipt"]
        assert rows.query(Attempt).one().state == State.QUEUED
        assert rows.query(Result).count() == 0
    service = replace(service, environment={}).start()

    def is_graded():
        with database.reading() as rows:
            return rows.query(Result).count() == 1

    wait_for(is_graded, 60)
    service.stop()
    database.close()
