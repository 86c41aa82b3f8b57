"""What one submission costs the control plane, measured on this machine with the real parts.

A service on a PostgreSQL of its own that writes to the disk before it answers, a RabbitMQ of its
own, one real grading of a demo submission, and some hundred students who hand that in. All runs one
after another, so that seconds of processors can be told apart. Needs the programs of PostgreSQL and
RabbitMQ, and what the sandbox needs.
"""

import dataclasses
import io
import json
import os
import re
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from flask import Flask
from kombu import Connection
from sqlalchemy import event, insert, select, text
from werkzeug.serving import make_server
from werkzeug.test import create_environ, run_wsgi_app

from benchmarks.verdict_report import machine
from grader.worker.broker import Reporter, make_celery, queue_name
from grader.worker.fetching import AssignmentCache
from grader.worker.jobs import Job, Said, job_of, to_bytes
from grader.worker.working import JobRunner
from tests.web.postgresql import PostgresServer, find_binaries
from tests.web.rabbitmq import SCRIPTS, Broker
from tests.web.waiting import free_port, wait_for
from web.accounts.models import User
from web.accounts.passwords import hash_password
from web.accounts.services import create_token, create_user
from web.app import create_app
from web.courses.models import Role
from web.courses.services import create_course, enrol, set_assignment
from web.database import now
from web.dispatch.recording import Recorder, RecorderService, Verdict, Word
from web.dispatch.relay import AT_ONCE, Relay, RelaySettings
from web.dispatch.tokens import JobTokens
from web.dispatch.views import TOKEN_AGE_S
from web.grading import queue
from web.grading.models import Attempt
from web.grading.progress import Told
from web.grading.versions import add_version
from web.logs import set_up_logs
from web.migrating import migrate
from web.security import secret_key
from web.services import Services
from web.settings import Settings
from web.startup import freeze_loaded
from web.submissions.models import Submission

ROOT = Path(__file__).resolve().parent.parent
ASSIGNMENT = ROOT / "assignments" / "dense-conv1x1"
HANDED_IN = ASSIGNMENT / "submissions" / "accepted" / "matmul" / "layers.py"
DEPTHS = (100, 1_000, 10_000, 100_000)
PASSWORD = "correct horse"
_ROUNDS = 3
_TRIES = 5
"""A machine that is too busy to measure speed is asked again so often."""

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """One step of one submission, in the mean.

    Attributes:
        wall_ms: Until it is done, one after another.
        cpu_ms: Of the control plane's own process.
        database_cpu_ms: Of PostgreSQL.
        broker_cpu_ms: Of RabbitMQ.
        statements: Of SQL.
        transactions: Begun.
        commits: Of them, those that were committed: the disk is waited for.
    """

    wall_ms: float
    cpu_ms: float
    database_cpu_ms: float
    broker_cpu_ms: float
    statements: float
    transactions: float
    commits: float


class _Durable(PostgresServer):
    def start(self) -> "_Durable":
        """As the tests' server, but what is committed is on the disk."""
        options = f"-p {self.port} -k {self.folder} -h 127.0.0.1"
        self._control("-w", "-l", self.folder / "log", "-o", options, "start")
        return self


class _Meter:
    """Counts what happens while it is asked to."""

    def __init__(self, engine: Any, database: PostgresServer, broker: Broker) -> None:
        self.statements = self.transactions = self.commits = 0
        pid_file = database.folder / "data" / "postmaster.pid"
        self._database_pid = int(pid_file.read_text().split()[0])
        self._broker_pid = broker.process.pid
        event.listen(engine, "before_cursor_execute", self._on_statement)
        event.listen(engine, "begin", self._on_begin)
        event.listen(engine, "commit", self._on_commit)

    def _on_statement(self, *_: object) -> None:
        self.statements += 1

    def _on_begin(self, _connection: object) -> None:
        self.transactions += 1

    def _on_commit(self, _connection: object) -> None:
        self.commits += 1

    def cost(self, times: int, act: Callable[[], object]) -> Cost:
        """Of an act that does something so many times."""
        before = self._now()
        act()
        spent = [(after - start) / times for start, after in zip(before, self._now(), strict=True)]
        return Cost(*(1e3 * seconds for seconds in spent[:4]), *spent[4:])

    def _now(self) -> list[float]:
        return [
            time.monotonic(),
            time.process_time(),
            _cpu_s(lambda _pid, parent, _group: parent == self._database_pid, self._database_pid),
            _cpu_s(lambda _pid, _parent, group: group == self._broker_pid, self._broker_pid),
            self.statements,
            self.transactions,
            self.commits,
        ]


def _cpu_s(belongs: Callable[[int, int, int], bool], pid: int) -> float:
    """Seconds of a processor that a process, its ended children and what belongs to it used."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        mine = int(path.parent.name)
        if mine == pid or belongs(mine, int(fields[1]), int(fields[3])):
            ticks += sum(int(field) for field in fields[11 : 15 if mine == pid else 13])
    return ticks * _TICK_S


def measure(students: int = 301, sandbox: str = "docker") -> dict[str, Any]:
    """Everything that the estimates start from, as JSON has it."""
    binaries = find_binaries()
    if binaries is None or not SCRIPTS.exists():
        raise SystemExit("Measuring needs the programs of PostgreSQL and RabbitMQ: install them.")
    set_up_logs()  # a service writes them as well
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # both servers are ended as well
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="onebyone-") as temporary:
        server = _Durable(binaries).start()
        broker = Broker(free_port(), Path(temporary) / "rabbitmq").start()
        try:
            broker.add_users()
            settings = Settings(
                database_url=server.new_database(),
                data=Path(temporary) / "data",
                workers=0,
                sandbox=sandbox,
                sign_ins_per_minute=10**6,
                uploads_per_minute=10**6,
                broker_url=broker.url(),
            )
            found = _Trial(settings, server, broker, students).run(Path(temporary), sandbox)
            return {**found, "took_s": round(time.monotonic() - started)}
        finally:
            broker.stop()
            server.remove()


class _Trial:
    def __init__(
        self, settings: Settings, server: PostgresServer, broker: Broker, students: int
    ) -> None:
        self.settings = settings
        self.broker = broker
        self.app: Flask = create_app(settings)
        self.service: Services = self.app.extensions["onebyone"]
        migrate(self.service.database)
        self.meter = _Meter(self.service.database.engine, server, broker)
        self.keys = JobTokens(secret_key(settings), TOKEN_AGE_S)
        self.tokens = self._enrol(students)

    def _enrol(self, students: int) -> list[str]:
        version = add_version(self.service.database, self.settings.data, ASSIGNMENT)
        tokens, hashed = [], hash_password(PASSWORD)
        with self.service.database.writing() as rows:
            course = create_course(rows, None, "dl", "Deep Learning")
            for number in range(students):
                user = create_user(rows, f"s{number}", f"Student {number}")
                user.password_hash = hashed
                enrol(rows, course.id, user.id, Role.STUDENT)
                tokens.append(create_token(rows, user, "program", ["read", "submit"])[1])
            opened = set_assignment(rows, None, course.id, version.id)
            opened.opens_at = now() - timedelta(days=1)
        return tokens

    def run(self, folder: Path, sandbox: str) -> dict[str, Any]:
        with served(self.app) as address:
            said, grading_s = self._grade_one(address, folder / "cache", sandbox)
        freeze_loaded()
        sizes = self._sizes(said)
        size, wal = self._stored()
        job_sizes: list[int] = []
        rounds = [
            self._round(numbers, said, job_sizes)
            for numbers in np.array_split(range(1, len(self.tokens)), _ROUNDS)
        ]
        # What a machine does besides only adds to it.
        costs = {
            step: min((each[step] for each in rounds), key=lambda cost: cost.cpu_ms)
            for step in rounds[0]
        }
        count = len(self.tokens) - 1
        grown, logged = self._stored()
        sizes["database_bytes"] = (grown - size) / count
        sizes["log_bytes"] = (logged - wal) / count
        sizes["job_bytes"] = statistics.fmean(job_sizes)
        costs["look"] = self._look()
        return {
            "machine": machine(),
            "at": f"{datetime.now(UTC):%Y-%m-%d}",
            "students": count,
            "rounds": _ROUNDS,
            "sandbox": sandbox,
            "grading_s": grading_s,
            "sizes": sizes,
            "costs": {name: dataclasses.asdict(cost) for name, cost in costs.items()},
            "depths": self._depths(),
        }

    def _round(
        self, numbers: Sequence[int], said: list[Said], job_sizes: list[int]
    ) -> dict[str, Cost]:
        """What each step costs of submissions of these students, one step after another."""
        count = len(numbers)
        uploads = [self._upload(self.tokens[number], int(number)) for number in numbers]
        costs = {"upload": self.meter.cost(count, lambda: self._answer(uploads, 201))}
        relay = self._relay("http://web.example", count)
        costs["publish"] = self.meter.cost(count, relay.publish_some)
        found = self._jobs(count)
        job_sizes += [size for _job, size in found]
        jobs = [job for job, _size in found]
        fetched = [self._fetch(job) for job in jobs]
        costs["fetch"] = self.meter.cost(count, lambda: self._answer(fetched, 200))
        progress = [one for one in said if one.kind in ("phase", "check")]
        for kind, messages in (("progress", progress), ("record", said[-1:])):
            ready = self._messages(jobs, messages)
            says = self.meter.cost(count, lambda ready=ready: self._say(ready))
            consumed = self.meter.cost(count, lambda ready=ready: self._consume(len(ready)))
            # What a runner spends on saying it is the runner's; what the broker does for it is not.
            costs[kind] = dataclasses.replace(
                consumed, broker_cpu_ms=consumed.broker_cpu_ms + says.broker_cpu_ms
            )
        return costs

    def _upload(self, token: str, number: int) -> dict[str, Any]:
        content = HANDED_IN.read_bytes() + f"# {number}\n".encode()
        return create_environ(
            f"/api/v1/courses/dl/assignments/{ASSIGNMENT.name}/submissions",
            method="POST",
            headers={"Authorization": f"Bearer {token}", "Idempotency-Key": f"n-{number}"},
            data={"files": [(io.BytesIO(content), HANDED_IN.name)]},
        )

    def _fetch(self, job: Job) -> dict[str, Any]:
        return create_environ("/runner/archive", headers={"Authorization": f"Bearer {job.token}"})

    def _answer(self, requests: Sequence[dict[str, Any]], expected: int) -> None:
        """All of them, as they come from a server: to make them is not the service's work."""
        for request in requests:
            _body, status, _headers = run_wsgi_app(self.app.wsgi_app, request, buffered=True)
            assert status.startswith(str(expected)), status
        self.service.token_uses.write()

    def _relay(self, address: str, window: int) -> Relay:
        settings = RelaySettings(address, window=window, lease_s=900)
        made = Relay(
            self.service.database, make_celery(self.settings.broker_url), self.keys, settings
        )
        made.prepare()
        return made

    def _jobs(self, count: int) -> list[tuple[Job, int]]:
        """Taken from the broker, as a runner would; with the bytes of each message's body."""
        found: list[tuple[Job, int]] = []
        with Connection(self.settings.broker_url) as connection:
            channel = connection.channel()
            while len(found) < count:
                message = channel.basic_get(queue_name("cpu"))
                if message is None:
                    time.sleep(0.05)
                    continue
                found.append((job_of(json.loads(message.body)[0][0]), len(message.body)))
                channel.basic_ack(message.delivery_tag)
        return found

    def _grade_one(self, address: str, cache: Path, sandbox: str) -> tuple[list[Said], float]:
        """All that a runner says of one submission, and for how many seconds it graded."""
        self._answer([self._upload(self.tokens[0], 0)], 201)
        self._relay(address, 1).publish_some()
        ((job, _size),) = self._jobs(1)
        said: list[Said] = []
        runner = JobRunner(AssignmentCache(cache), said.append, sandbox)
        try:
            runner.do(job)  # the first also starts the process, and makes the sandbox's image
            for _ in range(_TRIES):
                said.clear()
                started = time.monotonic()
                runner.do(job)
                seconds = time.monotonic() - started
                if said[-1].kind == "report":
                    break
        finally:
            runner.close()
        if said[-1].kind != "report":
            raise SystemExit(f"The submission could not be graded: {said[-1].body}")
        assert self._recorder().take(to_bytes(said[-1])).value == "done"
        return said, seconds

    def _sizes(self, said: list[Said]) -> dict[str, float]:
        progress = [len(to_bytes(one)) for one in said[:-1]]
        report = said[-1].body["report"]
        with self.service.database.reading() as rows:
            stored = rows.scalars(select(Submission)).one()
        return {
            "report_bytes": len(json.dumps(report)),
            "report_message_bytes": len(to_bytes(said[-1])),
            "checks": len(report["checks"]),
            "progress_messages": len(progress),
            "progress_bytes": sum(progress),
            "archive_bytes": len(self.service.blobs.get(stored.archive)),
        }

    def _messages(self, jobs: list[Job], said: list[Said]) -> list[Said]:
        """The same words of each of these jobs, as if all were graded at the same time."""
        by_receipt = {}
        with self.service.database.reading() as rows:
            for receipt, sha256 in rows.execute(select(Submission.receipt, Submission.sha256)):
                by_receipt[receipt] = sha256
        made = []
        for one in said:
            for job in jobs:
                body = one.body
                if one.kind == "report":
                    report = body["report"]
                    named = {**report["submission"], "sha256": by_receipt[job.receipt]}
                    body = {"report": {**report, "submission": named}}
                made.append(dataclasses.replace(one, token=job.token, body=body))
        return made

    def _say(self, messages: list[Said]) -> None:
        reporter = Reporter(self.broker.url("runner-cpu"))
        for one in messages:
            reporter.say(one)
        reporter.close()

    def _recorder(self) -> "_CountingRecorder":
        return _CountingRecorder(self.service.database, self.keys, lease_s=900, most_tries=3)

    def _consume(self, messages: int) -> None:
        """The recorder at work until it has recorded so many messages."""
        recorder = self._recorder()
        with Connection(self.settings.broker_url, heartbeat=0) as connection:
            service = RecorderService(connection, recorder)
            thread = threading.Thread(target=service.serve)
            thread.start()
            wait_for(lambda: recorder.recorded >= messages, 600, 0.05)
            service.should_stop = True
            thread.join()

    def _look(self) -> Cost:
        """A student's page that asks how far a grading is."""
        self._answer([self._upload(self.tokens[1], 0)], 201)
        client = self.app.test_client()
        page = client.get("/sign-in").text
        csrf = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
        form = {"csrf_token": csrf, "login": "s1", "password": PASSWORD}
        assert client.post("/sign-in", data=form).status_code == 302
        with self.service.database.reading() as rows:
            newest = select(Submission.receipt).order_by(Submission.id.desc()).limit(1)
            receipt = rows.scalars(newest).one()

        def look() -> None:
            for _ in range(200):
                assert client.get(f"/submissions/{receipt}/progress").status_code == 200

        return self.meter.cost(200, look)

    def _stored(self) -> tuple[int, int]:
        """Bytes of all tables with their indices, and of the log that was ever written."""
        tables = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r'"
        log = "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"
        with self.service.database.reading() as rows:
            return int(rows.scalar(text(tables))), int(rows.scalar(text(log)))

    def _depths(self) -> dict[str, dict[str, float]]:
        """Milliseconds in the median for each claim of a relay, and all places, by what waits."""
        found, waiting = {}, 0
        with self.service.database.reading() as rows:
            known = rows.scalars(select(Submission).limit(1)).one()
            attempt = rows.scalars(select(Attempt).limit(1)).one()
        for depth in DEPTHS:
            self._fill(known, attempt.version_id, waiting, depth)
            waiting = depth
            with self.service.database.engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT")
                connection.execute(text("ANALYZE"))
            claims, lists = [], []
            for _ in range(5):
                started = time.monotonic()
                with self.service.database.reading() as rows:  # so as many wait the next time
                    taken = queue.claim_some(rows, lambda: "broker-x", 900, AT_ONCE, device="cpu")
                claims.append(1e3 * (time.monotonic() - started) / len(taken))
                started = time.monotonic()
                with self.service.database.reading() as rows:
                    queue.places(rows)
                lists.append(1e3 * (time.monotonic() - started))
            found[str(depth)] = {
                "claim_ms": statistics.median(claims),
                "places_ms": statistics.median(lists),
            }
        return found

    def _fill(self, like: Submission, version_id: int, first: int, last: int) -> None:
        """Let so many wait, two of each student."""
        copied = {name: getattr(like, name) for name in ("assignment_id", "sha256", "archive")}
        numbers = range(first, last)
        with self.service.database.writing() as rows:
            people = [{"login": f"w{n}", "name": f"Waiting {n}"} for n in numbers if n % 2 == 0]
            ids = list(rows.scalars(insert(User).returning(User.id), people))
            made = rows.scalars(
                insert(Submission).returning(Submission.id),
                [
                    {
                        **copied,
                        "receipt": f"w{n}",
                        "user_id": ids[(n - first) // 2],
                        "files": {},
                        "received_at": now(),
                        "source": "api",
                        "address": "",
                    }
                    for n in numbers
                ],
            )
            rows.execute(
                insert(Attempt),
                [{"submission_id": n, "epoch": 1, "version_id": version_id} for n in made],
            )


class _CountingRecorder(Recorder):
    """As it is, and counts the messages that it is done with."""

    recorded = 0

    def tell(self, told: Sequence[Told]) -> Verdict:
        verdict = super().tell(told)
        self.recorded += len(told)
        return verdict

    def record(self, word: Word) -> Verdict:
        verdict = super().record(word)
        self.recorded += 1
        return verdict


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The application over HTTP; its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
