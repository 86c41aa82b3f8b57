"""From upload to report with an idle runner: how much the service adds to the grading's own time.

    python -m benchmarks.report_latency [--times 30] [--sandbox process]

starts the service in a process of its own with one worker, hands in one submission after another
over HTTP, and asks for the report until it is there. Taken off is what the report says the grading
took. The first two are not counted: the worker makes its sandbox ready, and keeps it.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import requests
from sqlalchemy import select

from grader.report import from_json
from tests.web.doubling import RIGHT, WRONG, write_doubling
from tests.web.endurance.service import ServiceProcess, prepare
from web.database import Database
from web.grading.models import Result
from web.settings import read_settings
from web.submissions.models import Submission

TARGET_S = 0.5
ASKED_EVERY_S = 0.02
FIRST = 2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--times", type=int, default=30)
    parser.add_argument("--sandbox", choices=("process", "bubblewrap", "docker"), default="process")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="onebyone-") as temporary:
        return run(Path(temporary), options.times, options.sandbox)


def run(folder: Path, times: int, sandbox: str) -> int:
    data = folder / "data"
    (token,) = prepare(data, write_doubling(folder), 1)
    service = ServiceProcess(
        data,
        {
            "ONEBYONE_SANDBOX": sandbox,
            "ONEBYONE_WORKERS": "1",
            "ONEBYONE_UPLOADS_PER_MINUTE": "10000",
        },
    ).start()
    database = Database(read_settings({}, data=data).url)
    rng = random.Random(1)
    gradings, added = [], []
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {token}"
        for number in range(FIRST + times):
            time.sleep(rng.uniform(0.2, 1.5))  # so that the runner is idle, at any moment of it
            code = (RIGHT if number % 2 else WRONG) + f"# {number}\n".encode()
            started = time.monotonic()
            receipt = _hand_in(session, service.address, code)
            _report(session, service.address, receipt)
            took = time.monotonic() - started
            gradings.append(_grading_s(database, receipt))
            added.append(took - gradings[-1])
    database.close()
    service.stop()
    gradings, added = gradings[FIRST:], added[FIRST:]
    p95 = statistics.quantiles(added, n=20)[-1]
    print(
        f"{times} submissions, sandbox {sandbox}; the grading {statistics.median(gradings):.2f} s; "
        f"added by the service: median {statistics.median(added):.3f} s, p95 {p95:.3f} s, "
        f"longest {max(added):.3f} s (at most {TARGET_S})"
    )
    print("reached" if max(added) <= TARGET_S else "NOT REACHED")
    return 0 if max(added) <= TARGET_S else 1


def _hand_in(session: requests.Session, address: str, code: bytes) -> str:
    answer = session.post(
        f"{address}/api/v1/courses/two/assignments/doubling/submissions",
        files=[("files", ("double.py", code))],
        timeout=30,
    )
    answer.raise_for_status()
    return str(answer.json()["receipt"])


def _report(session: requests.Session, address: str, receipt: str) -> dict[str, object]:
    while True:
        answer = session.get(f"{address}/api/v1/submissions/{receipt}/report", timeout=30)
        if answer.ok:
            return dict(answer.json())
        time.sleep(ASKED_EVERY_S)


def _grading_s(database: Database, receipt: str) -> float:
    """Seconds of the grading by its own report, which students do not see."""
    with database.reading() as rows:
        text = rows.scalars(
            select(Result.report)
            .join(Submission, Submission.id == Result.submission_id)
            .where(Submission.receipt == receipt)
        ).one()
    return from_json(text).durations["total"]


if __name__ == "__main__":
    sys.exit(main())
