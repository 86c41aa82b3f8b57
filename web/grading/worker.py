"""Workers: threads of the service that take gradings from the queue, one at a time each."""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from grader.errors import InfrastructureFault
from grader.report import from_document
from grader.runner.messages import Event, GradeOrder
from grader.runner.process import RunnerEnded, RunnerProcess
from web.database import Database
from web.grading import queue
from web.grading.progress import Told, tell
from web.grading.recorder import NotRecordable, record_report
from web.grading.tallies import Fault
from web.grading.versions import version_folder
from web.settings import Settings
from web.storage import BlobMissing, BlobStore

log = structlog.get_logger()

_IDLE_S = 5.0
_TOLD_EVERY_S = 0.25
_RECORD_PAUSES_S = (0.5, 2.0, 5.0, 15.0, 30.0)
_UNWELL_PAUSE_S = 30.0
_RECONCILED_EVERY_S = 15.0


@dataclass(frozen=True)
class Health:
    """Whether gradings go on.

    Attributes:
        paused: Why not, in words for everybody; None if they do.
        details: What exactly is wrong, for staff.
    """

    paused: str | None = None
    details: str = ""


class Workers:
    """All workers of this service.

    Args:
        settings: Of the service.
        database: Where the queue is.
        blobs: Where submissions are.
        fit: Raises MachineUnfit where strangers' code may not run; called before the first.

    Attributes:
        health: Whether gradings go on.
        notices: How often somebody has said that there is something to grade.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        blobs: BlobStore,
        fit: Callable[[], None] = lambda: None,
    ) -> None:
        self.health = Health()
        self._settings = settings
        self._database = database
        self._blobs = blobs
        self._fit = fit
        self._boot = f"here-{secrets.token_hex(6)}"
        self._stopping = threading.Event()
        self._work = threading.Condition()
        self.notices = 0
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Take back what an earlier service of this folder had, and begin."""
        with self._database.writing() as session:
            taken_back = queue.release_workers(session, "here-")
        for names in taken_back:
            log.info("begins again after a restart", **names)
        targets: list[Callable[[], None]] = [self._reconcile]
        if self._settings.workers and not self._settings.broker_url:
            targets.append(self._examine)
        for target in targets:
            self._spawn(target)

    def stop(self) -> None:
        """End after this; what is being graded goes back to the queue."""
        self._stopping.set()
        self.notify()
        for thread in self._threads:
            thread.join(timeout=30)
        with self._database.writing() as session:
            queue.release_workers(session, self._boot)

    def notify(self) -> None:
        """Say that there is something to grade, so that nobody waits for the next look."""
        with self._work:
            self.notices += 1
            self._work.notify_all()

    def wait_for_work(self, seen: int) -> None:
        """Until somebody has said so since `seen` notices, or for some seconds."""
        with self._work:
            self._work.wait_for(lambda: self.notices != seen, _IDLE_S)

    def _spawn(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True, name=target.__name__.strip("_"))
        self._threads.append(thread)
        thread.start()

    def _examine(self) -> None:
        """Start the workers once the machine is fit; submissions are taken meanwhile."""
        self.health = Health("The grader is starting.")
        while not self._stopping.is_set():
            try:
                self._fit()
            except InfrastructureFault as unfit:
                self._pause(str(unfit))
                self._stopping.wait(_UNWELL_PAUSE_S)
            else:
                break
        self.health = Health()
        for number in range(self._settings.workers):
            self._spawn(_Worker(self, f"{self._boot}-{number + 1}").run)

    def _reconcile(self) -> None:
        while not self._stopping.wait(_RECONCILED_EVERY_S):
            try:
                with self._database.writing() as session:
                    released = queue.release_expired(session)
            except SQLAlchemyError as error:
                log.error("the queue could not be looked after", error=str(error))
            else:
                for names in released:
                    log.warning("taken from a silent worker", **names)
                if released:
                    self.notify()

    def _pause(self, details: str) -> None:
        if self.health.details != details:
            log.error("grading is paused", reason=details)
        self.health = Health(
            "Grading is paused: the grader itself has a fault. Submissions are taken and kept, and "
            "are graded as soon as it is mended.",
            details,
        )


class _Worker:
    """One thread, and the process that it works with."""

    def __init__(self, workers: Workers, name: str) -> None:
        self._all = workers
        self._name = name
        self._runner: RunnerProcess | None = None

    def run(self) -> None:
        """Until the service stops."""
        stopping = self._all._stopping
        try:
            while not stopping.is_set():
                seen = self._all.notices  # what comes while the queue is looked at is not missed
                try:
                    busy = self._work_off_one()
                except (SQLAlchemyError, OSError) as error:
                    log.error("a worker cannot reach its queue", error=str(error))
                    stopping.wait(_IDLE_S)
                    continue
                if not busy:
                    self._all.wait_for_work(seen)
        finally:
            self._drop_runner()

    def _work_off_one(self) -> bool:
        settings = self._all._settings
        with self._all._database.writing() as session:
            order = queue.claim(session, self._name, settings.lease_seconds)
        if order is None:
            return False
        with structlog.contextvars.bound_contextvars(**order.names):
            log.info("begun")
            try:
                self._grade(order)
            except BlobMissing as error:
                self._put_off(order, str(error), lasting=True, kind=Fault.FILES)
            except InfrastructureFault as error:
                self._drop_runner()
                self._put_off(order, str(error))
            except NotRecordable as error:
                self._drop_runner()
                self._put_off(order, str(error))
            except SQLAlchemyError:
                self._drop_runner()
                raise
        return True

    def _grade(self, order: queue.Order) -> None:
        content = self._all._blobs.get(order.archive)
        folder = version_folder(self._all._settings.data, order.assignment_sha256)
        with TemporaryDirectory(prefix="onebyone-") as temporary:
            archive = Path(temporary) / "submission.zip"
            archive.write_bytes(content)
            event = self._follow(
                order,
                GradeOrder(
                    submission=str(archive), assignment=str(folder), seed=secrets.randbits(48)
                ),
            )
        if event is None:
            log.warning("the lease was lost; nothing is recorded")
        elif event.kind == "report":
            self._record(order, event)
        elif event.kind == "unwell":
            with self._all._database.writing() as session:
                queue.give_back(session, order.attempt_id, self._name, fault=Fault.UNWELL)
            self._all._pause(str(event.body.get("message")))
            self._drop_runner()
            self._all._stopping.wait(_UNWELL_PAUSE_S)
        else:
            author = bool(event.body.get("author"))
            kind = Fault.ASSIGNMENT if author else Fault.GRADER
            self._put_off(order, str(event.body.get("message")), lasting=author, kind=kind)

    def _follow(self, order: queue.Order, ask: GradeOrder) -> Event | None:
        """Grade, and tell how far it is; None if the attempt was taken away meanwhile."""
        if self._runner is None:
            self._runner = RunnerProcess(
                self._all._settings.sandbox, silence_s=self._all._settings.lease_seconds
            )
        phase, checks, total = "preparing", [], 0
        told = 0.0
        for event in self._runner.ask(ask):
            if self._all._stopping.is_set():
                raise RunnerEnded("The service stops.")
            if event.is_last:
                return event
            if event.kind == "phase":
                phase = str(event.body["name"])
                log.info("phase", name=phase)
            else:
                total = int(event.body["total"])
                checks.append({key: event.body[key] for key in ("id", "title", "status")})
            if event.kind == "phase" or time.monotonic() - told > _TOLD_EVERY_S:
                told = time.monotonic()
                if not self._tell(order, phase, checks, total):
                    self._drop_runner()
                    return None
        raise RunnerEnded("The grading process gave no answer.")

    def _tell(
        self, order: queue.Order, phase: str, checks: list[dict[str, Any]], total: int
    ) -> bool:
        try:
            with self._all._database.writing() as session:
                told = Told(order.attempt_id, self._name, phase, checks, total)
                return tell(session, told, self._all._settings.lease_seconds)
        except (SQLAlchemyError, OSError) as error:
            log.warning("progress could not be told", error=str(error))
            return True  # the grading goes on; only who watches sees less

    def _record(self, order: queue.Order, event: Event) -> None:
        document = event.body["report"]
        report = from_document(document)
        for pause_s in (*_RECORD_PAUSES_S, None):
            try:
                with self._all._database.writing() as session:
                    recorded = record_report(session, order.attempt_id, report, document)
                break
            except OperationalError as error:
                if pause_s is None or self._all._stopping.wait(pause_s):
                    raise
                log.warning("the result could not be recorded yet", error=str(error))
        self._all.health = Health()
        log.info("graded", score=report.score, of=report.max_score, recorded=recorded)

    def _put_off(
        self, order: queue.Order, fault: str, *, lasting: bool = False, kind: Fault = Fault.GRADER
    ) -> None:
        if self._all._stopping.is_set():
            return  # it is released when all have stopped
        log.error("not graded, by no fault of the submission", fault=fault, lasting=lasting)
        with self._all._database.writing() as session:
            queue.put_off(
                session,
                order.attempt_id,
                self._name,
                fault,
                most_tries=self._all._settings.grading_tries,
                lasting=lasting,
                kind=kind,
            )

    def _drop_runner(self) -> None:
        if self._runner is not None:
            self._runner.close()
            self._runner = None
