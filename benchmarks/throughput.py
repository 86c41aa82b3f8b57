"""What a second runner brings: gradings a minute with one runner and with two, side by side.

    python -m benchmarks.throughput [--submissions 40] [--rounds 3]

All parts are real, each a process of its own: PostgreSQL, RabbitMQ, the service, relay, recorder,
and runners that grade known-wrong submissions of `dense-conv1x1`, none of which comes as far as
speed, in bubblewrap. Each runner is kept to a core of its own, with its sandboxes; everything else
runs where the kernel likes. The rounds alternate, so that what disturbs the machine disturbs both.
Needs root, PostgreSQL, RabbitMQ, bubblewrap and taskset.
"""

import argparse
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

import requests
from sqlalchemy import select

from benchmarks.verdict_report import machine
from tests.web.endurance.campaign import World, count
from tests.web.waiting import wait_for
from web.database import Database
from web.grading.models import Result
from web.settings import read_settings

ROOT = Path(__file__).resolve().parent.parent
ASSIGNMENT = ROOT / "assignments" / "dense-conv1x1"
LONGEST_S = 3600.0


def known_wrong() -> list[bytes]:
    """Submissions that take about as long as each other."""
    files = sorted((ASSIGNMENT / "submissions" / "known_wrong").glob("*/layers.py"))
    return [path.read_bytes() for path in files]


def hand_in(world: World, number: int, code: bytes) -> None:
    """Upload one; whoever hands in takes turns."""
    token = world.tokens[number % len(world.tokens)]
    answer = requests.post(
        f"{world.service.address}/api/v1/courses/two/assignments/{ASSIGNMENT.name}/submissions",
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": f"key-{number}"},
        files=[("files", ("layers.py", code + b"\n# %d\n" % number))],
        timeout=60,
    )
    answer.raise_for_status()


def per_minute(runners: int, submissions: int) -> float:
    """Gradings in a minute, once every runner has had its first and while each has more to do."""
    with tempfile.TemporaryDirectory(prefix="onebyone-") as temporary:
        world = World(
            Path(temporary),
            random.Random(1),
            assignment=ASSIGNMENT,
            runners=0,
            worker=("--sandbox", "bubblewrap"),
        )
        try:
            codes = known_wrong()
            for number in range(submissions):
                hand_in(world, number, codes[number % len(codes)])
            cores = sorted(os.sched_getaffinity(0))
            for number in range(runners):
                pinned = ("taskset", "--cpu-list", str(cores[number]))
                world.start(f"runner {number + 1}", before=pinned)
            database = Database(read_settings(world.environment, data=world.data).url)
            wait_for(lambda: count(database, Result) >= submissions, LONGEST_S, 0.5)
            with database.reading() as rows:
                times = sorted(rows.scalars(select(Result.recorded_at)))
            database.close()
        finally:
            world.close()
    counted = times[2 * runners : submissions - runners]
    return 60 * (len(counted) - 1) / (counted[-1] - counted[0]).total_seconds()


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--submissions", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is ended
    rates: dict[int, list[float]] = {1: [], 2: []}
    started = time.monotonic()
    for _ in range(options.rounds):
        for runners, found in rates.items():
            found.append(per_minute(runners, options.submissions))
            print(f"{runners} runners: {found[-1]:.1f} a minute", file=sys.stderr)
    ratios = [two / one for one, two in zip(rates[1], rates[2], strict=True)]
    print(
        json.dumps(
            {
                "machine": machine(),
                "submissions": options.submissions,
                "per_minute": {str(key): value for key, value in rates.items()},
                "ratios": ratios,
                "ratio": statistics.median(ratios),
                "seconds": round(time.monotonic() - started),
            },
            indent=2,
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
