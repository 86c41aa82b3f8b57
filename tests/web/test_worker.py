"""From the queue to a result, with a real runner; and what becomes of faults."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import OperationalError

from grader.bundle import to_zip
from grader.errors import MachineUnfit
from grader.report import from_json, student_view
from grader.runner.messages import DescribeOrder, GradeOrder
from grader.runner.process import RunnerEnded, RunnerProcess
from web.accounts.services import create_user
from web.courses.models import Role, Version
from web.courses.services import create_course, enrol, set_assignment
from web.database import now
from web.errors import Invalid
from web.gradebook.models import Standing
from web.grading.models import Attempt, Result, State
from web.grading.recorder import record_report
from web.grading.versions import add_version, bundle_path, version_folder
from web.submissions.receiving import Upload

from .conftest import receive_from
from .doubling import RIGHT, WRONG, write_doubling


@pytest.fixture
def settings(settings):
    return replace(settings, workers=1, grading_tries=2)


@pytest.fixture
def doubling(service, tmp_path):
    """A course with the small assignment in it, taken in as an operator does."""
    version = add_version(service.database, service.settings.data, write_doubling(tmp_path))
    with service.database.writing() as rows:
        made = create_course(rows, None, "two", "Twice")
        student = create_user(rows, "sam", "Sam")
        enrol(rows, made.id, student.id, Role.STUDENT)
        assignment = set_assignment(rows, None, made.id, version.id)
        assignment.opens_at = now()
    return SimpleNamespace(version=version, student=student, assignment=assignment)


@pytest.fixture
def hand_in(service, doubling):
    def submit(code):
        upload = Upload([("double.py", code)], "web")
        made = receive_from(service, doubling.student, "two", "doubling", upload)
        service.workers.notify()
        return made

    return submit


@pytest.fixture
def workers(service):
    service.workers.start()
    yield service.workers
    service.workers.stop()


@pytest.fixture
def eventually(service):
    """A function that waits until a submission's attempt is in a state."""

    def wait(submission, state, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with service.database.reading() as rows:
                attempt = rows.query(Attempt).filter_by(submission_id=submission.id).one()
            if attempt.state == state:
                return attempt
            time.sleep(0.05)
        raise AssertionError(f"{attempt.state}, {attempt.fault}")

    return wait


def test_a_version_is_kept_as_it_was_with_what_students_get(service, doubling):
    version = doubling.version
    data = service.settings.data
    assert [check["title"] for check in version.checks] == [
        "Twice each element.",
        "Twice each negative element.",
    ]
    assert version_folder(data, version.sha256).name == "doubling"
    assert bundle_path(data, version.sha256).stat().st_size > 0


def test_what_was_not_proved_is_not_taken_in(service, tmp_path):
    folder = write_doubling(tmp_path / "other", proved=False)
    with pytest.raises(Invalid, match="not proved"):
        add_version(service.database, service.settings.data, folder)
    (folder / "statement.md").write_text("# Changed\n")
    with pytest.raises(Invalid, match="changed since"):
        add_version(service.database, service.settings.data, folder)
    with service.database.reading() as rows:
        assert rows.query(Version).count() == 0


def test_submissions_become_results(hand_in, workers, eventually, service, doubling):
    right, wrong = hand_in(RIGHT), hand_in(WRONG)
    for submission in (right, wrong):
        eventually(submission, State.DONE)
    with service.database.reading() as rows:
        scores = {row.submission_id: row.score for row in rows.query(Result)}
        report = rows.query(Result.report).filter_by(submission_id=wrong.id).scalar()
        standing = rows.query(Standing).one()
    assert scores == {right.id: 3.0, wrong.id: 0.0}
    assert standing.score == 3.0
    first, second = student_view(from_json(report)).checks
    assert first.hint.id == "cubed"
    assert second.hint is None


def test_who_watches_sees_check_by_check(hand_in, workers, service):
    submission = hand_in(b"import time\n" + RIGHT.replace(b"return", b"time.sleep(0.3); return"))
    seen = []
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with service.database.reading() as rows:
            attempt = rows.query(Attempt).filter_by(submission_id=submission.id).one()
        if (state := (attempt.phase, len(attempt.checks), attempt.checks_total)) not in seen:
            seen.append(state)
        if attempt.state == State.DONE:
            break
        time.sleep(0.01)
    assert ("testing the grader itself", 0, 0) in seen
    assert ("running checks", 0, 0) in seen
    assert ("running checks", 1, 2) in seen


def test_a_runner_that_is_killed_costs_a_try_and_no_score(
    hand_in, workers, eventually, service, monkeypatch
):
    monkeypatch.setattr("web.grading.queue.pause_s", lambda _tries: 0.1)
    submission = hand_in(b"import time\ntime.sleep(3)\n" + RIGHT)
    eventually(submission, State.RUNNING)
    end = time.monotonic() + 30
    while not (pids := _runners()) and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(1.0)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    attempt = eventually(submission, State.DONE, 90)
    assert attempt.tries == 2


def test_who_stops_listening_never_hears_the_old_answer_to_a_new_order(tmp_path):
    folder = write_doubling(tmp_path)
    order = DescribeOrder(assignment=str(folder), bundle=str(tmp_path / "bundle.zip"))
    runner = RunnerProcess("process")
    (answer,) = runner.ask(order)
    assert answer.kind == "description"
    archive = tmp_path / "s.zip"
    archive.write_bytes(to_zip({"double.py": RIGHT}, "s"))
    events = runner.ask(GradeOrder(submission=str(archive), assignment=str(folder), seed=1))
    assert next(events).kind == "phase"
    events.close()
    with pytest.raises(RunnerEnded):
        list(runner.ask(order))


def test_a_result_is_kept_until_the_database_takes_it(
    hand_in, workers, eventually, service, monkeypatch
):
    monkeypatch.setattr("web.grading.worker._RECORD_PAUSES_S", (0.01, 0.01))
    recorded = record_report
    calls = []

    def locked_twice(session, attempt_id, *said):
        calls.append(attempt_id)
        if len(calls) < 3:
            raise OperationalError("INSERT", {}, Exception("database is locked"))
        return recorded(session, attempt_id, *said)

    monkeypatch.setattr("web.grading.worker.record_report", locked_twice)
    attempt = eventually(hand_in(RIGHT), State.DONE)
    assert (attempt.tries, len(calls)) == (1, 3)


def test_a_fault_that_stays_waits_for_a_person_without_a_score(
    hand_in, eventually, service, doubling, monkeypatch
):
    monkeypatch.setattr("web.grading.queue.pause_s", lambda _tries: 0.0)
    submission = hand_in(RIGHT)
    service.blobs.delete_older(submission.archive, -1)
    service.workers.start()
    try:
        attempt = eventually(submission, State.WAITING)
    finally:
        service.workers.stop()
    assert "cannot be read" in attempt.fault
    with service.database.reading() as rows:
        assert rows.query(Result).count() == 0
        assert rows.query(Standing).one().status == "pending"


def test_on_a_machine_that_is_not_fit_submissions_are_taken_and_nobody_is_graded(
    settings, doubling, service, hand_in, monkeypatch
):
    def unfit():
        raise MachineUnfit("seccomp-missing: strangers' code could escape.")

    monkeypatch.setattr(service.workers, "_fit", unfit)
    service.workers.start()
    try:
        submission = hand_in(RIGHT)
        end = time.monotonic() + 10
        while "seccomp" not in service.workers.health.details and time.monotonic() < end:
            time.sleep(0.02)
        health = service.workers.health
    finally:
        service.workers.stop()
    assert "Submissions are taken" in health.paused
    assert "seccomp" not in health.paused
    with service.database.reading() as rows:
        attempt = rows.query(Attempt).filter_by(submission_id=submission.id).one()
    assert attempt.state == State.QUEUED


def test_a_service_that_stops_gives_back_what_it_was_grading(hand_in, service, eventually):
    submission = hand_in(b"import time\ntime.sleep(20)\n" + RIGHT)
    service.workers.start()
    eventually(submission, State.RUNNING)
    service.workers.stop()
    attempt = eventually(submission, State.QUEUED, 1)
    assert (attempt.tries, attempt.worker) == (0, None)


def _runners():
    """Processes of runners that this process has started."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        if b"grader.runner" in command and parent == os.getpid():
            found.append(int(entry.name))
    return found
