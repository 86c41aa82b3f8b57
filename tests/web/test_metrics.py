"""What the service tells Prometheus, and whom."""

import re
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from web.app import create_app
from web.courses.models import Version
from web.database import Database, now
from web.gradebook.models import Regrade
from web.grading import queue
from web.grading.models import Attempt
from web.grading.recorder import record_report
from web.grading.tallies import Fault, count_refused
from web.operations.backup import remove_old
from web.submissions.models import Submission

from .conftest import report_of

OPS = Path(__file__).parents[2] / "ops"


@pytest.fixture
def database_url(each_database_url):
    return each_database_url


@pytest.fixture
def told(app):
    """A function that gives the value of a series."""

    def value(name, **labels):
        families = text_string_to_metric_families(app.test_client().get("/metrics").text)
        (found,) = [
            sample.value
            for family in families
            for sample in family.samples
            if (sample.name, sample.labels) == (f"onebyone_{name}", labels)
        ]
        return found

    return value


@pytest.fixture
def attempt_of(service):
    def find(submission, **values):
        with service.database.writing() as rows:
            attempt = rows.query(Attempt).filter_by(submission_id=submission.id).one()
            for name, value in values.items():
                setattr(attempt, name, value)
        return attempt

    return find


def test_every_metric_of_alerts_and_dashboard_is_there_before_anything_happened(app):
    shown = app.test_client().get("/metrics").text
    asked = {
        name
        for path in ("prometheus/alerts.yml", "grafana/onebyone.json")
        for name in re.findall(r"onebyone_\w+", (OPS / path).read_text())
    }
    assert len(asked) >= 12
    assert [name for name in asked if not re.search(rf"^{name}[ {{]", shown, re.MULTILINE)] == []


def test_every_metric_is_on_the_dashboard(app):
    board = (OPS / "grafana" / "onebyone.json").read_text()
    families = text_string_to_metric_families(app.test_client().get("/metrics").text)
    assert [family.name for family in families if family.name not in board] == []


def test_every_metric_and_kind_of_fault_is_explained(app):
    page = (OPS.parent / "docs" / "operations.md").read_text()
    families = text_string_to_metric_families(app.test_client().get("/metrics").text)
    missing = [
        family.name
        for family in families
        if f"`{family.name}{'_total' if family.type == 'counter' else ''}`" not in page
    ]
    assert missing == []
    assert [kind for kind in Fault if f"\n| `{kind}` | " not in page] == []


def test_what_waits_is_told_by_device_and_regrades_apart(
    told, hand_in, attempt_of, service, course
):
    assert told("oldest_queued_seconds", device="cpu", kind="first") == 0
    first, second, third = hand_in("sam"), hand_in("tess"), hand_in("sam", b"n = 3\n")
    with service.database.writing() as rows:
        gpu = Version(device="cuda", sha256="c" * 64, **version_texts())
        rows.add(gpu)
        rows.flush()
        regrade = Regrade(
            assignment_id=course.assignment_id,
            version_id=gpu.id,
            which="all",
            reason="",
            state="open",
            actor_id=course.people["ines"].id,
            created_at=now(),
        )
        rows.add(regrade)
    for submission, seconds, values in (
        (first, 100, {}),
        (second, 200, {"version_id": gpu.id}),
        (third, 900, {"regrade_id": regrade.id}),
    ):
        attempt_of(submission, created_at=now() - timedelta(seconds=seconds), **values)
    expected = {("cpu", "first"): 100, ("cuda", "first"): 200, ("cpu", "regrade"): 900}
    for (device, kind), seconds in expected.items():
        age = told("oldest_queued_seconds", device=device, kind=kind)
        assert seconds <= age < seconds + 90
    assert told("oldest_queued_seconds", device="cuda", kind="regrade") == 0
    with service.database.writing() as rows:
        order = queue.claim(rows, "here-1", 60, device="cuda")
    assert told("attempts", state="queued") == 2
    assert told("attempts", state="running") == 1
    with service.database.writing() as rows:
        queue.put_off(rows, order.attempt_id, "here-1", "x", most_tries=1, lasting=True)
    assert told("attempts", state="waiting") == 1


def version_texts():
    texts = {"slug": "gpu", "label": "1", "title": "GPU", "module": "layers.py"}
    return {**texts, "max_score": 1.0, "points": {}, "checks": [], "record": {}}


def test_results_are_counted_once_each_with_checks_and_times(told, hand_in, attempt_of, service):
    moment = now()
    for code, passed, queued_s, grading_s in (
        (b"n = 1\n", (0, 1), 3, 15),
        (b"n = 2\n", (0,), 70, 5),
        (b"n = 3\n", (), 100_000, 0.5),
    ):
        submission = hand_in("sam", code)
        begun = moment - timedelta(seconds=grading_s)
        attempt = attempt_of(
            submission, started_at=begun, created_at=begun - timedelta(seconds=queued_s)
        )
        for again in (True, False):
            with service.database.writing() as rows:
                report = report_of(submission, passed)
                assert record_report(rows, attempt.id, report) is again
    for status in ("passed", "partial", "failed"):
        assert told("recorded_total", status=status) == 1
    assert told("checks_total", status="passed") == 3
    assert told("checks_total", status="failed") == 3
    assert told("checks_total", status="partial") == 0
    queued, grading = {"device": "cpu", "kind": "first"}, {"device": "cpu"}
    assert told("queued_seconds_bucket", le="2.0", **queued) == 0
    assert told("queued_seconds_bucket", le="5.0", **queued) == 1
    assert told("queued_seconds_bucket", le="14400.0", **queued) == 2
    assert told("queued_seconds_bucket", le="+Inf", **queued) == 3
    assert told("queued_seconds_count", **queued) == 3
    assert told("queued_seconds_sum", **queued) == pytest.approx(100_073)
    assert told("grading_seconds_bucket", le="60.0", **grading) == 3
    assert told("grading_seconds_sum", **grading) == pytest.approx(20.5, abs=60)
    assert told("queued_seconds_count", device="cpu", kind="regrade") == 0
    assert told("results") == 3


def test_a_contradiction_is_counted_and_no_result(told, hand_in, finish, service, attempt_of):
    submission = hand_in()
    finish(submission, 0)
    attempt = attempt_of(submission)
    with service.database.writing() as rows:
        assert not record_report(rows, attempt.id, report_of(submission, (0, 1)))
    assert told("result_conflicts") == 1
    assert told("recorded_total", status="partial") == 1
    assert told("recorded_total", status="passed") == 0


def test_faults_are_counted_by_kind_and_only_of_who_has_the_lease(told, hand_in, service):
    hand_in()

    def claim():
        with service.database.writing() as rows:
            rows.query(Attempt).one().not_before = None
            return queue.claim(rows, "here-1", -1).attempt_id

    def put_off(attempt, worker, **values):
        with service.database.writing() as rows:
            queue.put_off(rows, attempt, worker, "x", most_tries=9, **values)

    put_off(claim(), "here-1", lasting=False)
    attempt = claim()
    put_off(attempt, "somebody else", lasting=False)
    with service.database.writing() as rows:
        queue.release_expired(rows)
        queue.release_expired(rows)
    claim()
    with service.database.writing() as rows:
        queue.give_back(rows, attempt, "here-1", fault=Fault.UNWELL)
        queue.give_back(rows, attempt, "here-1", fault=Fault.UNWELL)
        count_refused(rows)
    put_off(claim(), "here-1", lasting=True, kind=Fault.ASSIGNMENT)
    expected = {"grader": 1, "silent": 1, "unwell": 1, "assignment": 1, "dead": 0, "files": 0}
    assert {kind: told("faults_total", kind=kind) for kind in expected} == expected
    assert told("reports_refused_total") == 1
    assert set(expected) == set(Fault)


def test_what_was_counted_stays_counted_when_submissions_are_removed(
    told, hand_in, finish, service
):
    submission = hand_in()
    finish(submission, 0, 1)
    with service.database.writing() as rows:
        rows.get(Submission, submission.id).received_at = now() - timedelta(days=9)
    assert remove_old(service.database, service.blobs, 1) == 1
    assert told("results") == 0
    assert told("recorded_total", status="passed") == 1


def test_other_processes_count_at_the_same_time_and_nothing_is_missed(
    told, hand_in, service, attempt_of
):
    submissions = [hand_in("sam", b"n = %d\n" % number) for number in range(24)]
    attempts = [attempt_of(submission).id for submission in submissions]
    failed = []

    def record(part):
        other = Database(service.settings.url)
        try:
            for submission, attempt in list(zip(submissions, attempts, strict=True))[part::4]:
                passed = ((), (0,), (0, 1))[submission.id % 3]
                with other.writing() as rows:
                    assert record_report(rows, attempt, report_of(submission, passed))
        except Exception as error:
            failed.append(error)
        finally:
            other.close()

    threads = [threading.Thread(target=record, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert {told("recorded_total", status=s) for s in ("passed", "partial", "failed")} == {8}
    assert told("checks_total", status="passed") == 24


@pytest.mark.parametrize(
    ("header", "status"),
    [("Bearer right", 200), ("Bearer wrong", 404), ("", 404), ("Bearer r\xefght", 404)],
)
def test_with_a_token_only_who_shows_it_is_told(app, settings, service, header, status):
    other = create_app(replace(settings, metrics_token="right"))
    client = other.test_client()
    environment = {"HTTP_AUTHORIZATION": header} if header else {}
    assert client.get("/metrics", environ_overrides=environment).status_code == status
    other.extensions["onebyone"].database.close()
    far = app.test_client().get("/metrics", environ_overrides={"REMOTE_ADDR": "192.0.2.1"})
    assert far.status_code == 404
