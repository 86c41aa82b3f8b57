"""All parts die at random while submissions come and are graded; in the end each has one result.

    python -m tests.web.endurance.campaign [--submissions 1000] [--faults 200] [--seed 1]

on a real PostgreSQL and a real RabbitMQ, with the service, relay, recorder and two runners, each
a process of its own.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from kombu import Connection
from sqlalchemy import func, select

from grader.worker.broker import Reporter
from grader.worker.jobs import Said
from tests.web.doubling import RIGHT, WRONG, write_doubling
from tests.web.endurance.service import ServiceProcess, prepare
from tests.web.postgresql import PostgresServer, find_binaries
from tests.web.rabbitmq import Broker
from tests.web.waiting import free_port
from web.database import Database
from web.dispatch.topology import declare
from web.grading import queue
from web.grading.models import Attempt, Result, ResultConflict, State
from web.settings import read_settings
from web.submissions.models import Submission

STUDENTS = 20
DRAIN_S = 1800
PAUSE_S = 1.5


class World:
    """All processes, and the means to end each.

    Args:
        folder: Of everything.
        rng: Of pauses.
        assignment: Folder of the only one; the small one where it is not given.
        runners: How many.
        worker: More words for `grader worker`.
    """

    def __init__(self, folder, rng, *, assignment=None, runners=2, worker=("--sandbox", "process")):
        self.folder, self.rng, self._worker = folder, rng, worker
        self.postgres = PostgresServer(find_binaries()).start()
        self.broker = Broker(free_port(), folder / "rabbitmq").start()
        self.broker.add_users()
        with Connection(self.broker.url()) as connection:
            declare(connection)
        self.data = folder / "data"
        port = free_port()
        self.environment = {
            "ONEBYONE_DATABASE_URL": self.postgres.new_database(),
            "ONEBYONE_BROKER_URL": self.broker.url(),
            "ONEBYONE_RUNNER_ADDRESS": f"http://127.0.0.1:{port}",
            "ONEBYONE_BROKER_WINDOW": "6",
            "ONEBYONE_LEASE_SECONDS": "20",
            "ONEBYONE_GRADING_TRIES": "100",
            "ONEBYONE_UPLOADS_PER_MINUTE": "10000",
        }
        assignment = assignment or write_doubling(folder)
        self.tokens = prepare(self.data, assignment, STUDENTS, self.environment)
        self.service = ServiceProcess(self.data, self.environment, port=port).start()
        self.running = {}
        for name in ("relay", "record", *(f"runner {number + 1}" for number in range(runners))):
            self.start(name)

    def start(self, name, before=()):
        """A process of ours; `before` its command line may stand what runs it."""
        command, more = name.split()[0], {}
        words = [command, "--data", self.data]
        if command == "runner":
            cache = self.folder / f"cache-{name[-1]}"
            words = ["worker", *self._worker, "--cache", cache]
            more = {"GRADER_BROKER": self.broker.url("runner-cpu")}
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [*before, sys.executable, "-m", "grader", *map(str, words)],
                env={**os.environ, **self.environment, **more},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, name):
        """As a power cut."""
        process = self.running[name]
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def strike(self, kind):
        """One fault of a kind, and what an operator does about it."""
        if kind == "service":
            self.service.kill()
            self.service.start()
        elif kind == "broker":
            self.broker.kill()
            time.sleep(self.rng.uniform(0, 2))
            self.broker.start()
        elif kind == "database":
            self.postgres.kill()
            time.sleep(self.rng.uniform(0, 2))
            self.postgres.start()
        elif kind == "forged report":
            self.forge()
        else:
            self.kill(kind)
            time.sleep(self.rng.uniform(0, 1))
            self.start(kind)

    def forge(self):
        """What somebody writes who has a runner's credentials, and no token for it."""
        reporter = Reporter(self.broker.url("runner-cpu"))
        try:
            reporter.say(
                Said(token="forged", kind="report", body={"report": {"score": 3}}, runner="x")
            )
        finally:
            reporter.close()

    def close(self):
        """End all."""
        for name in self.running:
            self.kill(name)
        self.service.kill()
        self.broker.stop()
        self.postgres.remove()


KINDS = {
    "runner 1": 6,
    "runner 2": 6,
    "relay": 4,
    "record": 4,
    "service": 2,
    "broker": 1,
    "database": 1,
    "forged report": 2,
}


class Hands(threading.Thread):
    """A student who insists until there is a receipt, so many times."""

    def __init__(self, world, token, count, rng):
        super().__init__(daemon=True)
        self.receipts = {}
        self._world, self._token, self._count, self._rng = world, token, count, rng

    def run(self):
        for number in range(self._count):
            right = self._rng.random() < 0.5
            code = (RIGHT if right else WRONG) + f"# {number}\n".encode()
            while True:
                try:
                    receipt = self._world.service.hand_in(self._token, code, f"key-{number}")
                except AssertionError:  # an answer that is neither a receipt nor a clear no
                    self.receipts[f"bad answer to {number}"] = None
                    break
                if receipt is not None:
                    self.receipts[receipt["receipt"]] = 3.0 if right else 0.0
                    break
                time.sleep(0.5)
            time.sleep(self._rng.uniform(0, 2 * PAUSE_S))


def run(folder, submissions, faults, seed):
    """Run a campaign; what came of it."""
    rng = random.Random(seed)
    world = World(folder, rng)
    try:
        hands = [
            Hands(world, token, submissions // STUDENTS, random.Random(rng.random()))
            for token in world.tokens
        ]
        started = time.monotonic()
        for hand in hands:
            hand.start()
        struck = Counter()
        database = Database(read_settings(world.environment, data=world.data).url)
        kinds = rng.choices(list(KINDS), list(KINDS.values()), k=faults)
        for kind in kinds:
            world.strike(kind)
            struck[kind] += 1
            time.sleep(rng.uniform(0, PAUSE_S))
        for hand in hands:
            hand.join()
        wanted = {receipt: score for hand in hands for receipt, score in hand.receipts.items()}
        by_hand = 0
        end = time.monotonic() + DRAIN_S
        while count(database, Result) < len(wanted) and time.monotonic() < end:
            by_hand += try_again(database)
            time.sleep(1)
        found = judge(database, wanted)
        database.close()
        return {
            "faults": dict(struck),
            "receipts": len(wanted),
            **found,
            "tried again by hand": by_hand,
            "seconds": round(time.monotonic() - started),
        }
    finally:
        world.close()


def count(database, model):
    with database.reading() as rows:
        return rows.scalar(select(func.count()).select_from(model))


def try_again(database):
    """What an operator does about what waits for a person: a job that too many runners died of."""
    with database.writing() as rows:
        waiting = rows.scalars(select(Attempt.id).where(Attempt.state == State.WAITING.value)).all()
        return sum(queue.try_again(rows, number) for number in waiting)


def judge(database, wanted):
    with database.reading() as rows:
        results = rows.execute(
            select(Submission.receipt, Result.score).join(
                Result, Result.submission_id == Submission.id
            )
        ).all()
        states = Counter(rows.scalars(select(Attempt.state)))
        conflicts = rows.scalar(select(func.count()).select_from(ResultConflict))
        stored = rows.scalar(select(func.count()).select_from(Submission))
    counts = Counter(receipt for receipt, _score in results)
    return {
        "stored": stored,
        "results": len(results),
        "missing": sorted(set(wanted) - set(counts)),
        "twice": sorted(receipt for receipt, count in counts.items() if count > 1),
        "wrong": sorted(receipt for receipt, score in results if wanted.get(receipt) != score),
        "conflicts": conflicts,
        "states": dict(states),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--submissions", type=int, default=1000)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="onebyone-") as temporary:
        found = run(Path(temporary), options.submissions, options.faults, options.seed)
    print(json.dumps(found, indent=2))
    return 0 if not (found["missing"] or found["twice"] or found["wrong"]) else 1


if __name__ == "__main__":
    sys.exit(main())
