"""One id joins what is logged about a submission: taken from the upload, shown to staff alone."""

import io
import logging
import re

import pytest
import structlog
from structlog.contextvars import bound_contextvars

from grader.report import to_compact_json, to_document
from grader.tracing import is_trace
from web.grading.models import Result
from web.logs import set_up_logs
from web.submissions.models import Submission

from ..grader.test_tracing import GOOD, HOSTILE, TRACE
from .conftest import report_of
from .doubling import RIGHT, write_doubling
from .endurance.service import ServiceProcess, prepare
from .waiting import wait_for

HERE = "/courses/dl/assignments/dense/submissions"


@pytest.fixture
def trace_now(service):
    """A function that gives the trace of the newest submission."""

    def find():
        with service.database.reading() as rows:
            return rows.query(Submission).order_by(Submission.id.desc()).first().trace

    return find


def test_an_upload_by_program_or_page_brings_its_trace_and_else_one_is_drawn(
    program_of, client_of, trace_now, hand_in
):
    sam = program_of("sam")
    sam.headers["traceparent"] = GOOD
    assert sam.hand_in().status_code == 201
    assert trace_now() == TRACE
    hand_in()
    assert is_trace(trace_now())
    assert trace_now() != TRACE
    browser = client_of("sam")
    browser.client.environ_base["HTTP_TRACEPARENT"] = GOOD
    browser.post(HERE, files={"files": [("layers.py", b"n = 3\n")]})
    assert trace_now() == TRACE


@pytest.mark.parametrize("header", HOSTILE.values(), ids=HOSTILE)
def test_a_header_that_is_not_valid_is_ignored(app, token_of, trace_now, header):
    program = app.test_client()
    program.environ_base["HTTP_TRACEPARENT"] = header.encode().decode("latin-1")
    program.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token_of('sam')}"
    files = {"files": (io.BytesIO(b"n = 1\n"), "layers.py")}
    answer = program.post("/api/v1" + HERE, data=files)
    assert answer.status_code == 201
    assert is_trace(trace_now())
    assert trace_now() not in (TRACE, TRACE.upper())


def test_a_repeated_upload_keeps_the_trace_of_the_first(program_of, trace_now):
    sam = program_of("sam")
    sam.headers["traceparent"] = GOOD
    assert sam.hand_in(key="once").status_code == 201
    sam.headers["traceparent"] = GOOD.replace("4bf9", "ffff")
    assert sam.hand_in(key="once").status_code == 200
    assert trace_now() == TRACE


def test_staff_see_it_and_students_do_not(program_of, client_of, hand_in, finish):
    submission = hand_in()
    trace, path = submission.trace, f"/submissions/{submission.receipt}"
    assert program_of("anna").get(path).get_json()["trace"] == trace
    assert program_of("sam").get(path).get_json()["trace"] is None
    (queued,) = program_of("anna").get("/courses/dl/queue").get_json()["gradings"]
    assert queued["trace"] == trace
    assert trace in client_of("anna").get(path + "/").text
    assert trace not in client_of("sam").get(path + "/").text
    finish(submission, 0)
    assert trace in client_of("ines").get(path + "/").text
    assert trace not in client_of("sam").get(path + "/").text
    assert trace not in program_of("sam").get(path + "/report").text


def test_a_result_is_the_same_whatever_the_trace(hand_in, finish, service):
    first, second = hand_in("sam"), hand_in("tess")
    assert first.sha256 == second.sha256
    assert first.trace != second.trace
    finish(first, 0)
    finish(second, 0)
    with service.database.reading() as rows:
        reports = {each.report for each in rows.query(Result)}
    assert reports == {to_compact_json(to_document(report_of(first, (0,))))}


def test_what_a_runner_says_begins_no_line_of_the_log(capsys):
    before = structlog.get_config()
    try:
        set_up_logs()
        with bound_contextvars(trace=TRACE, by="evil\nreported trace=x"):
            structlog.get_logger().info("refused", why="a\rb\x1b[2K", score=1.0)
    finally:
        structlog.configure(**before)
        logging.getLogger("waitress").setLevel(logging.NOTSET)
    (line,) = capsys.readouterr().err.splitlines()
    assert f"trace={TRACE}" in line
    assert "\x1b" not in line


def test_in_one_process_the_log_tells_all_of_a_grading_by_its_trace(tmp_path):
    data = tmp_path / "data"
    (token,) = prepare(data, write_doubling(tmp_path), 1)
    service = ServiceProcess(data).start()
    try:
        made = service.hand_in(token, RIGHT, "a", traceparent=GOOD)
        other = service.hand_in(token, RIGHT + b"# 2\n", "b")
        wait_for(lambda: (data / "log").read_text().count(" graded ") == 2, 90)
    finally:
        service.stop()
    lines = [line for line in (data / "log").read_text().splitlines() if f"trace={TRACE}" in line]
    said = [re.search(r"\] ([a-z ]+?)  ", line)[1] for line in lines]
    assert said == ["received", "begun", "phase", "phase", "phase", "graded"]
    assert all(f"submission={made['receipt']}" in line for line in lines)
    assert not any(other["receipt"] in line for line in lines)
