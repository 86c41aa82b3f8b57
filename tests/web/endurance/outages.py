"""Broker, database and relay are each down for a while during a burst; nothing is lost.

python -m tests.web.endurance.outages [--seconds 60]
"""

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import requests

from tests.web.doubling import RIGHT
from tests.web.endurance.campaign import World, count, judge
from tests.web.waiting import wait_for
from web.database import Database
from web.grading.models import Result
from web.settings import read_settings

PARTS = ("broker", "database", "relay")
EVERY_S = 1.0
DRAIN_S = 900


class Burst:
    """Students who hand in all the time, and insist until there is a receipt.

    Attributes:
        receipts: All that were given, with the score that each deserves.
        first: What became of the first try of each upload: `accepted`, `refused` in plain words,
            or `no answer`.
    """

    def __init__(self, world):
        self.receipts, self.first = {}, Counter()
        self._world, self._threads, self._number = world, [], 0

    def during(self, seconds):
        """Hand in for so long; gives what became of the first tries meanwhile."""
        self.first = Counter()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._number += 1
            thread = threading.Thread(target=self._one, args=(self._number, self.first))
            thread.start()
            self._threads.append(thread)
            time.sleep(EVERY_S)
        return self.first

    def end(self):
        """Wait until each has its receipt."""
        for thread in self._threads:
            thread.join()

    def _one(self, number, first):
        token = self._world.tokens[number % len(self._world.tokens)]
        for attempt in range(10_000):
            became, receipt = self._try(token, number)
            if attempt == 0:
                first[became] += 1
            if receipt is not None:
                self.receipts[receipt] = 3.0
                return
            time.sleep(1.0)

    def _try(self, token, number):
        try:
            answer = requests.post(
                f"{self._world.service.address}"
                "/api/v1/courses/two/assignments/doubling/submissions",
                headers={"Authorization": f"Bearer {token}", "Idempotency-Key": f"key-{number}"},
                files=[("files", ("double.py", RIGHT + f"# {number}\n".encode()))],
                timeout=10,
            )
        except requests.RequestException:
            return "no answer", None
        if answer.status_code in (200, 201):
            return "accepted", answer.json()["receipt"]
        plain = answer.status_code == 503 and answer.json().get("detail")
        return ("refused" if plain else f"status {answer.status_code}"), None


def take_down(world, part):
    """As a power cut; gives what brings it back."""
    if part == "database":
        world.postgres.kill()
        return world.postgres.start
    if part == "broker":
        world.broker.kill()
        return world.broker.start
    world.kill(part)
    return lambda: world.start(part)


def run(folder, seconds):
    """Take each part down once; what became of uploads meanwhile, and of all in the end."""
    world = World(folder, random.Random(1))
    try:
        burst, rows = Burst(world), []
        database = Database(read_settings(world.environment, data=world.data).url)
        burst.during(min(seconds, 10))
        for part in PARTS:
            bring_back = take_down(world, part)
            first = burst.during(seconds)
            bring_back()
            back = time.monotonic()
            burst.during(min(seconds, 10))
            burst.end()
            wanted = len(burst.receipts)
            wait_for(lambda wanted=wanted: count(database, Result) >= wanted, DRAIN_S)
            rows.append(
                {
                    "down": part,
                    "seconds": seconds,
                    "uploads": sum(first.values()),
                    **first,
                    "all graded after": round(time.monotonic() - back),
                }
            )
        found = judge(database, burst.receipts)
        database.close()
        return {"outages": rows, "receipts": len(burst.receipts), **found}
    finally:
        world.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="onebyone-") as temporary:
        found = run(Path(temporary), options.seconds)
    print(json.dumps(found, indent=2))
    return 0 if not (found["missing"] or found["twice"] or found["wrong"]) else 1


if __name__ == "__main__":
    sys.exit(main())
