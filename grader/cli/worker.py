"""`grader worker`: a runner on a machine of its own."""

import argparse
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

from celery import Celery, Task
from celery.exceptions import Reject
from celery.signals import worker_shutting_down

from grader.cli.common import FAULT, OK, USAGE, say
from grader.doctor.examine import require_fit
from grader.errors import MachineUnfit, SandboxUnavailable
from grader.sandbox.select import KINDS, choose_sandbox
from grader.worker.broker import BrokerUnreachable, Reporter, has_queue, make_celery, queue_name
from grader.worker.fetching import AssignmentCache
from grader.worker.jobs import QUEUES, TASK, NotAJob, job_of
from grader.worker.working import JobRunner

log = logging.getLogger(__name__)
BROKER = "GRADER_BROKER"
_REST_S = 30.0
_ALIVE_S = 10.0
_LOOK_S = 2.0
_CACHE = Path("/var/tmp/onebyone-assignments")  # noqa: S108 - each is checked by its hash


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "worker",
        help="take gradings from a broker, on a machine of their own",
        description="Take gradings from a broker until a signal ends it; what is being graded is "
        f"finished first. The broker's address is read from {BROKER}, or from the file that "
        f"{BROKER}_FILE names. See docs/scaling.md.",
    )
    command.set_defaults(run=_worker)
    command.add_argument("--queue", choices=QUEUES, default="cpu", help="default: cpu")
    command.add_argument("--sandbox", choices=KINDS, default="docker", help="default: docker")
    command.add_argument(
        "--cache",
        type=Path,
        default=_CACHE,
        help=f"folder of assignments that were fetched; default: {_CACHE}",
    )
    command.add_argument("--alive", type=Path, help="touch this file while jobs can come")
    command.add_argument(
        "--accept",
        metavar="CODE",
        action="append",
        default=[],
        help="a finding of `grader doctor` that you answer for; may be repeated",
    )


def _worker(options: argparse.Namespace) -> int:
    broker_url = _broker_url()
    if not broker_url:
        say(f"There is no broker: set {BROKER}, or {BROKER}_FILE to a file that holds its address.")
        return USAGE
    try:
        if options.sandbox != "process":  # which protects from nothing, as is said
            require_fit(options.sandbox, frozenset(options.accept))
    except MachineUnfit as unfit:
        say(str(unfit))
        return FAULT
    _wait_for_queue(broker_url, options.queue)
    reporter = Reporter(broker_url)
    runner = JobRunner(
        AssignmentCache(options.cache),
        reporter.say,
        options.sandbox,
        lambda: _works(options.sandbox),
    )
    app = make_celery(broker_url)
    stopping = threading.Event()
    _add_task(app, runner, options.sandbox, stopping)
    if options.alive is not None:
        threading.Thread(target=_touch, args=(options.alive,), daemon=True).start()
    # It says at length that it may not delay jobs, which nothing here does.
    logging.getLogger("celery.worker.consumer.delayed_delivery").disabled = True
    worker_shutting_down.connect(lambda **_: stopping.set(), weak=False)
    worker = app.Worker(
        queues=[queue_name(options.queue)],
        pool="threads",  # what grades is a process of its own; this thread only waits for it
        concurrency=1,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        loglevel="INFO",
    )
    try:
        worker.start()
    finally:
        runner.close()
        reporter.close()
    return OK


def _add_task(app: Celery, runner: JobRunner, sandbox: str, stopping: threading.Event) -> None:
    def grade(_task: Task, fields: object) -> None:
        try:
            well = runner.do(job_of(fields))
        except NotAJob as error:
            raise Reject(str(error), requeue=False) from error
        except BrokerUnreachable as error:
            raise Reject(f"the report could not be published: {error}", requeue=True) from error
        if not well:
            log.warning("this machine is ill: it takes no job until %s works", sandbox)
        while not well and not stopping.wait(_REST_S):
            well = _works(sandbox)

    app.task(name=TASK, bind=True, acks_late=True)(grade)


def _works(sandbox: str) -> bool:
    try:
        choose_sandbox(sandbox).launcher.close()
    except (SandboxUnavailable, OSError):
        return False
    return True


def _wait_for_queue(broker_url: str, queue: str) -> None:
    """Until there is something to listen to: a runner may be started before all else."""
    told = ""
    while True:
        try:
            if has_queue(broker_url, queue):
                return
            reason = f"The broker has no queue {queue_name(queue)} yet."
        except BrokerUnreachable as error:
            reason = f"The broker cannot be used yet: {error}"
        if reason != told:
            say(reason)
            told = reason
        time.sleep(_LOOK_S)


def _broker_url() -> str:
    if path := os.environ.get(f"{BROKER}_FILE"):
        return Path(path).read_text(encoding="utf-8").strip()
    return os.environ.get(BROKER, "")


def _touch(alive: Path) -> None:
    while True:
        alive.touch()
        time.sleep(_ALIVE_S)
