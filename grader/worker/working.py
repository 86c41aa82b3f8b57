"""Working off one job: fetch, grade, report. Whatever happens, the control plane hears of it."""

import logging
import shutil
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from grader.errors import InfrastructureFault
from grader.runner.messages import Event, GradeOrder
from grader.runner.process import RunnerProcess
from grader.sandbox import owner
from grader.worker.fetching import AssignmentCache, NotWanted, fetch_archive
from grader.worker.jobs import Job, Said

_PREFIX = "onebyone-job-"
TOLD_EVERY_S = 2.0
"""A check's end is told at most so often: each word is a message and a write of the database."""

Say = Callable[[Said], None]

log = logging.getLogger(__name__)


class JobRunner:
    """What works off jobs, one at a time.

    Args:
        cache: Of assignments.
        say: Publishes; raises what the broker raises.
        sandbox: Kind of sandbox, or nothing for the strongest that is fit.
        is_fit: Whether sandboxes work on this machine now; asked after a fault.
        silence_s: After so long without an event the process that grades is ended.
    """

    def __init__(
        self,
        cache: AssignmentCache,
        say: Say,
        sandbox: str = "",
        is_fit: Callable[[], bool] = lambda: True,
        silence_s: float = 600.0,
    ) -> None:
        self._is_fit = is_fit
        self._cache = cache
        self._say = say
        self._sandbox = sandbox
        self._silence_s = silence_s
        self._name = socket.gethostname()[:60]
        self._process: RunnerProcess | None = None
        self._alone = threading.Lock()
        owner.sweep_folders(_PREFIX)

    def do(self, job: Job) -> bool:
        """Grade; returns once the broker has what there is to say.

        Raises:
            BrokerUnreachable: It could not be said.

        Returns:
            False where this machine is ill: it should take no more jobs for a while.
        """
        with self._alone:
            try:
                last = self._grade(job)
            except NotWanted:
                log.info("not wanted any more %s", _about(job))
                return True
            except InfrastructureFault as fault:
                self._drop_process()
                last = Event(kind="fault", body={"message": str(fault), "author": False})
            except OSError as error:
                # Such as a full disk: of this machine, whatever the submission.
                last = Event(kind="unwell", body={"message": str(error)})
            ill = last.kind == "unwell" or (_is_our_fault(last) and not self._is_fit())
            if ill:
                self._drop_process()
                # It says nothing of the submission, so it is no try of it.
                last = Event(kind="unwell", body={"message": last.body.get("message")})
            self._tell(job, last)
            return not ill

    def close(self) -> None:
        """End the process that grades, with its sandboxes."""
        self._drop_process()

    def _grade(self, job: Job) -> Event:
        log.info("begun %s", _about(job))
        content = fetch_archive(job)
        folder = self._cache.get(job)
        if self._process is None:
            self._process = RunnerProcess(self._sandbox, silence_s=self._silence_s)
        temporary = owner.new_folder(_PREFIX)
        try:
            archive = temporary / "submission.zip"
            archive.write_bytes(content)
            order = GradeOrder(submission=str(archive), assignment=str(folder), seed=job.seed)
            return self._follow(job, order)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _follow(self, job: Job, order: GradeOrder) -> Event:
        assert self._process is not None  # noqa: S101 - made just before
        checks: list[dict[str, Any]] = []
        told = 0.0
        for event in self._process.ask(order):
            if event.is_last:
                return event
            if event.kind != "check":
                self._tell(job, event)
                continue
            checks.append({key: event.body[key] for key in ("id", "title", "status")})
            if time.monotonic() - told >= TOLD_EVERY_S:
                told = time.monotonic()
                body = {"checks": checks, "total": event.body["total"]}
                self._tell(job, Event(kind="check", body=body))
        raise InfrastructureFault("The grading process gave no answer.")

    def _tell(self, job: Job, event: Event) -> None:
        if event.kind == "phase":
            log.info("phase %s name=%r", _about(job), event.body.get("name"))
        self._say(Said(token=job.token, kind=event.kind, body=event.body, runner=self._name))
        if event.is_last:
            log.info("reported %s kind=%s", _about(job), event.kind)

    def _drop_process(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None


def _about(job: Job) -> str:
    return f"trace={job.trace} submission={job.receipt}"


def _is_our_fault(event: Event) -> bool:
    return event.kind == "fault" and not event.body.get("author")
