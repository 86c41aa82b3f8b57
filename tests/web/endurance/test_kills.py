"""The service is killed again and again in the middle of a burst, and loses nothing."""

import random
import threading
import time

import pytest
from sqlalchemy import func, select

from web.database import Database
from web.gradebook.models import Standing
from web.grading.models import Attempt, Result, ResultConflict, State
from web.settings import read_settings
from web.submissions.models import Submission

from ..doubling import RIGHT, WRONG, write_doubling
from ..waiting import wait_for
from .service import ServiceProcess, prepare

KILLS = 100
STUDENTS = 12
SEED = 20261126


class Burst(threading.Thread):
    """A student who hands in again and again, and insists until there is a receipt."""

    def __init__(self, service, token, rng):
        super().__init__(daemon=True)
        self.receipts = {}
        self.over = threading.Event()
        self._service, self._token, self._rng = service, token, rng

    def run(self):
        number, right = 0, True
        while not self.over.is_set():
            code = (RIGHT if right else WRONG) + f"# {number}\n".encode()
            receipt = self._service.hand_in(self._token, code, f"key-{number}")
            if receipt is not None:
                assert receipt["receipt"] not in self.receipts
                self.receipts[receipt["receipt"]] = (receipt["sha256"], 3.0 if right else 0.0)
                number, right = number + 1, self._rng.random() < 0.5
            self.over.wait(self._rng.uniform(0.5, 6.0) if receipt else 0.2)


@pytest.fixture
def service(tmp_path):
    process = ServiceProcess(
        tmp_path / "data", {"ONEBYONE_UPLOADS_PER_MINUTE": "10000", "ONEBYONE_WORKERS": "1"}
    )
    yield process
    if process.process is not None and process.process.poll() is None:
        process.kill()


def test_every_receipt_ends_in_exactly_one_result(service, tmp_path):
    rng = random.Random(SEED)
    tokens = prepare(service.data, write_doubling(tmp_path), STUDENTS)
    service.start()
    bursts = [Burst(service, token, random.Random(rng.random())) for token in tokens]
    for burst in bursts:
        burst.start()
    for _ in range(KILLS):
        time.sleep(rng.uniform(0.0, 2.5))
        service.kill()
        service.start()
    for burst in bursts:
        burst.over.set()
    for burst in bursts:
        burst.join(20)
    receipts = {name: found for burst in bursts for name, found in burst.receipts.items()}
    database = Database(read_settings({}, data=service.data).url)

    def is_done():
        with database.reading() as session:
            states = session.scalars(select(Attempt.state).distinct()).all()
        return set(states) == {State.DONE.value}

    wait_for(is_done, 600)
    with database.reading() as session:
        rows = session.execute(
            select(Submission.receipt, Submission.sha256, Result.score, func.count())
            .join(Result, Result.submission_id == Submission.id)
            .group_by(Submission.receipt, Submission.sha256, Result.score)
        ).all()
        assert session.scalar(select(func.count(ResultConflict.id))) == 0
        assert session.scalar(select(func.count(Attempt.id))) == len(rows)
        standings = session.scalars(select(Standing)).all()
    database.close()
    found = {receipt: (sha256, score) for receipt, sha256, score, _count in rows}
    assert {count for *_others, count in rows} == {1}
    assert receipts.items() <= found.items()
    # What was taken without its receipt being read is taken all the same, and only once.
    assert len(receipts) >= KILLS / 2
    assert sum(standing.submissions for standing in standings) == len(found)
    print(f"{KILLS} kills: {len(receipts)} receipts, {len(found)} results")
