"""What a runner says, as bytes."""

import json
from dataclasses import asdict

from grader.report import to_json
from grader.worker.jobs import Said
from web.grading.models import Attempt

from ..conftest import report_of

HOLDER = "broker-1"
"""Who has what `given` claims."""


def message(token, kind, **body):
    return json.dumps(asdict(Said(token=token, kind=kind, body=body, runner="r"))).encode()


def report(token, submission, *passed, seed=1):
    found = report_of(submission, passed, seed=seed)
    return message(token, "report", report=json.loads(to_json(found)))


def attempt_of(service, submission):
    with service.database.reading() as rows:
        return rows.query(Attempt).filter_by(submission_id=submission.id).one()
