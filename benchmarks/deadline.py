"""A deadline: 300 students hand in within a minute while 300 watch their gradings.

    python -m benchmarks.deadline

starts the service in a process of its own, on a fresh SQLite database, with a worker that grades a
small assignment meanwhile, and asks it over HTTP from this process. Both share the machine. Printed
are the times from the first byte sent to the last byte received, the memory of the service, and
whether each receipt has exactly one result in the end.
"""

import argparse
import http.client
import random
import re
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import requests
from sqlalchemy import func, select

from tests.web.doubling import RIGHT, WRONG, write_doubling
from tests.web.endurance.service import ServiceProcess, prepare
from tests.web.waiting import wait_for
from web.accounts.models import User
from web.accounts.passwords import hash_password
from web.database import Database
from web.grading.models import Result
from web.settings import read_settings
from web.submissions.models import Submission

PASSWORD = "correct horse"
FIRST_WITHIN_S = 15.0
TARGETS = {"upload": 1.0, "page": 0.3}
MEMORY_MIB = 400


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--students", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="onebyone-") as temporary:
        return run(Path(temporary), options.students, options.seconds, options.seed)


def run(folder: Path, students: int, seconds: float, seed: int) -> int:
    data = folder / "data"
    tokens = prepare(data, write_doubling(folder), 2 * students)
    _give_passwords(data)
    often = {"ONEBYONE_SIGN_INS_PER_MINUTE": "10000", "ONEBYONE_UPLOADS_PER_MINUTE": "10000"}
    service = ServiceProcess(data, often).start()
    place = urlsplit(service.address)
    rng = random.Random(seed)
    watchers = _sign_in(place, students)
    receipts = [
        service.hand_in(token, WRONG + f"# w{number}\n".encode(), "watched")["receipt"]
        for number, token in enumerate(tokens[:students])
    ]
    took: dict[str, list[float]] = {"upload": [], "page": []}
    failed: list[str] = []
    over = threading.Event()
    memory = _MemoryWatch(service.process.pid)
    threads = [
        threading.Thread(
            target=_watch,
            args=(place, cookie, receipt, over, took, failed, rng.uniform(0, FIRST_WITHIN_S)),
        )
        for cookie, receipt in zip(watchers, receipts, strict=True)
    ]
    uploads: dict[str, str] = {}
    for number, token in enumerate(tokens[students:]):
        code = (RIGHT if number % 2 else WRONG) + f"# {number}\n".encode()
        wait = rng.uniform(0, seconds)
        threads.append(
            threading.Thread(
                target=_hand_in,
                args=(place, token, code, wait, took, failed, uploads),
            )
        )
    for thread in threads:
        thread.start()
    for thread in threads[students:]:
        thread.join()
    over.set()
    for thread in threads[:students]:
        thread.join()
    memory.stop()
    for name, times in took.items():
        p95 = statistics.quantiles(times, n=20)[-1]
        print(
            f"{name:7} {len(times):6} requests, median {statistics.median(times) * 1e3:.0f} ms, "
            f"p95 {p95 * 1e3:.0f} ms (at most {TARGETS[name] * 1e3:.0f}), "
            f"longest {max(times) * 1e3:.0f} ms",
            flush=True,
        )
    print(
        f"memory of the service: at most {memory.most_mib:.0f} MiB (at most {MEMORY_MIB})",
        flush=True,
    )
    database = Database(read_settings({}, data=data).url)
    started = time.monotonic()
    wait_for(lambda: _results(database)[0] >= 2 * students, 3600)
    drained = time.monotonic() - started
    results, twice, lost = (*_results(database), _lost(database, uploads))
    database.close()
    service.stop()
    print(f"receipts {len(uploads)} of {students}, lost {lost}, failed requests {len(failed)}")
    print(f"results {results}, graded twice {twice}; the queue was empty {drained:.0f} s later")
    for line in failed[:5]:
        print(f"  {line}")
    good = len(uploads) == students and not (lost or twice or failed)
    good &= memory.most_mib <= MEMORY_MIB
    for name, limit in TARGETS.items():
        good &= statistics.quantiles(took[name], n=20)[-1] <= limit
    print("reached" if good else "NOT REACHED")
    return 0 if good else 1


class _MemoryWatch(threading.Thread):
    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.most_mib = 0.0
        self._status = Path(f"/proc/{pid}/status")
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._over.wait(0.5):
            lines = self._status.read_text().splitlines()
            kib = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
            self.most_mib = max(self.most_mib, kib / 1024)

    def stop(self) -> None:
        self._over.set()
        self.join()


def _give_passwords(data: Path) -> None:
    database = Database(read_settings({}, data=data).url)
    with database.writing() as session:
        hashed = hash_password(PASSWORD)
        for user in session.scalars(select(User)):
            user.password_hash = hashed
    database.close()


def _sign_in(place, count: int) -> list[str]:
    cookies = []
    for number in range(count):
        with requests.Session() as session:
            address = f"http://{place.netloc}/sign-in"
            page = session.get(address, timeout=30).text
            token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
            form = {"csrf_token": token, "login": f"s{number}", "password": PASSWORD}
            answer = session.post(address, form, timeout=30, allow_redirects=False)
            assert answer.status_code == 302, answer.text
            cookies.append("; ".join(f"{c.name}={c.value}" for c in session.cookies))
    return cookies


def _watch(place, cookie, receipt, over, took, failed, wait) -> None:
    """A browser that shows a submission: first the page, then its progress again and again.

    It looks again as soon as the page tells it to.
    """
    path = f"/submissions/{receipt}/"
    while not over.wait(wait):
        seconds, status, answer = _ask(place, "GET", path, {"Cookie": cookie})
        if status != HTTPStatus.OK:
            failed.append(f"page {status}")
        took["page"].append(seconds)
        if "HX-Redirect" in answer.headers:
            path, wait = answer.headers["HX-Redirect"], 0.0
            continue
        found = re.search(rb'hx-trigger="every ([0-9.]+)s"', answer.body)
        if found is None:  # the report: nothing more comes
            return
        path, wait = f"/submissions/{receipt}/progress", float(found[1])


def _hand_in(place, token, code, wait, took, failed, uploads) -> None:
    time.sleep(wait)
    boundary = "onebyone-benchmark"
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="double.py"\r\n'
        f"Content-Type: text/x-python\r\n\r\n{code.decode()}\r\n--{boundary}--\r\n"
    ).encode()
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Idempotency-Key": "deadline",
    }
    path = "/api/v1/courses/two/assignments/doubling/submissions"
    seconds, status, answer = _ask(place, "POST", path, headers, body)
    took["upload"].append(seconds)
    if status == HTTPStatus.CREATED:
        uploads[answer.headers["Location"].rsplit("/", 1)[1]] = token
    else:
        failed.append(f"upload {status}")


@dataclass(frozen=True)
class _Answer:
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def _ask(place, method, path, headers, body=None) -> tuple[float, int | str, _Answer]:
    started = time.monotonic()
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        took = time.monotonic() - started
        return took, answer.status, _Answer(answer.headers, content)
    except OSError as error:
        return time.monotonic() - started, repr(error), _Answer()
    finally:
        connection.close()


def _results(database: Database) -> tuple[int, int]:
    """How many submissions have a result, and how many of them more than one."""
    with database.reading() as session:
        counts = session.execute(
            select(Result.submission_id, func.count()).group_by(Result.submission_id)
        ).all()
    return len(counts), sum(count > 1 for _id, count in counts)


def _lost(database: Database, uploads: dict[str, str]) -> int:
    with database.reading() as session:
        graded = set(
            session.scalars(
                select(Submission.receipt).join(Result, Result.submission_id == Submission.id)
            )
        )
    return len(set(uploads) - graded)


if __name__ == "__main__":
    sys.exit(main())
