"""The recorder: reads what runners say, believes nothing that it has not checked, and records it.

A plain consumer, not a Celery worker: a message of Celery's can ask its worker to publish others,
and what a runner wrote must not be able to.
"""

import json
import time
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

import structlog
from kombu import Connection, Consumer, Message, Queue
from kombu.mixins import ConsumerMixin
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from structlog.contextvars import bound_contextvars

from grader.report import from_document
from grader.worker.jobs import LARGEST_JOB, REPORTS, NotAJob, Said, job_of, said_of
from web.database import Database
from web.dispatch.tokens import JobTokens, TokenRefused, Turn
from web.dispatch.topology import DEAD_JOBS, queues
from web.grading import queue
from web.grading.recorder import NotRecordable, record_report
from web.grading.tallies import Fault, count_refused

log = structlog.get_logger()

_PREFETCH = 20
_PAUSE_S = 2.0
_PROGRESS = frozenset({"phase", "check"})


class Verdict(Enum):
    """What becomes of a message."""

    DONE = "done"
    REFUSED = "refused"
    LATER = "later"


class _Check(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str = Field(max_length=200)
    title: str = Field(max_length=500)
    status: str = Field(max_length=12)


class _Progress(BaseModel):
    model_config = ConfigDict(extra="forbid")
    checks: list[_Check] = Field(max_length=2000)
    total: int = Field(ge=0, le=100_000)


class Recorder:
    """Records what runners say.

    Args:
        database: Where.
        tokens: Of jobs.
        lease_s: A word of a runner renews its lease by so much.
        most_tries: After so many faults of ours a person has to look.
    """

    def __init__(
        self, database: Database, tokens: JobTokens, *, lease_s: int, most_tries: int
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._lease_s = lease_s
        self._most_tries = most_tries

    def take(self, content: bytes) -> Verdict:
        """One message of a runner, as it came."""
        try:
            said = said_of(content)
            turn = self._tokens.read(said.token)
        except (NotAJob, TokenRefused) as error:
            return self._refuse(error)
        with bound_contextvars(attempt=turn.attempt_id, by=said.runner[:60]):
            try:
                return self._take(said, turn)
            except (SQLAlchemyError, OSError) as error:
                log.error("a report cannot be recorded yet", error=str(error)[:500])
                return Verdict.LATER

    def bury(self, fields: object) -> Verdict:
        """A job that no runner could work off: a person has to look at it."""
        try:
            job = job_of(fields)
            turn = self._tokens.read(job.token)
        except (NotAJob, TokenRefused) as error:
            log.warning("a dead job says nothing", reason=str(error)[:500])
            return Verdict.DONE
        about = {"attempt": turn.attempt_id, "submission": job.receipt, "trace": job.trace}
        try:
            with self._database.writing() as session:
                queue.put_off(
                    session,
                    turn.attempt_id,
                    turn.holder,
                    "Runners ended in mid-grading, again and again, or could not read the job.",
                    most_tries=self._most_tries,
                    lasting=True,
                    kind=Fault.DEAD,
                )
        except (SQLAlchemyError, OSError) as error:
            log.error("a dead job cannot be recorded yet", error=str(error)[:500], **about)
            return Verdict.LATER
        log.error("a job lies with the dead", **about)
        return Verdict.DONE

    def _names(self, turn: Turn) -> Mapping[str, Any]:
        with self._database.reading() as session:
            found = queue.names_of(session, [turn.attempt_id])
        return found[0] if found else {}

    def _take(self, said: Said, turn: Turn) -> Verdict:
        # Nothing is logged of progress that is as it should be, and there is much of it.
        names = {} if said.kind in _PROGRESS else self._names(turn)
        try:
            with bound_contextvars(**names):
                self._record(said, turn)
        except (NotRecordable, ValidationError, ValueError) as error:
            with bound_contextvars(**(names or self._names(turn))):
                return self._refuse(error)
        return Verdict.DONE

    def _refuse(self, error: Exception) -> Verdict:
        log.warning("a report was refused", reason=str(error)[:500])
        try:
            with self._database.writing() as session:
                count_refused(session)
        except (SQLAlchemyError, OSError):
            log.warning("a refusal could not be counted")
        return Verdict.REFUSED

    def _record(self, said: Said, turn: Turn) -> None:
        if said.kind == "report":
            report = from_document(said.body.get("report"))
            with self._database.writing() as session:
                recorded = record_report(session, turn.attempt_id, report)
            log.info("reported", recorded=recorded)
            return
        with self._database.writing() as session:
            if said.kind == "unwell":
                queue.give_back(session, turn.attempt_id, turn.holder, fault=Fault.UNWELL)
                log.error("a runner is ill", why=_words(said))
            elif said.kind == "fault":
                lasting = said.body.get("author") is True
                queue.put_off(
                    session,
                    turn.attempt_id,
                    turn.holder,
                    _words(said),
                    most_tries=self._most_tries,
                    lasting=lasting,
                    kind=Fault.ASSIGNMENT if lasting else Fault.GRADER,
                )
                log.error(
                    "not graded, by no fault of the submission", fault=_words(said), lasting=lasting
                )
            else:
                self._tell(session, said, turn)

    def _tell(self, session: Session, said: Said, turn: Turn) -> None:
        phase, progress = "running checks", _Progress(checks=[], total=0)
        if said.kind == "phase":
            phase = str(said.body.get("name"))[:40]
        else:
            progress = _Progress.model_validate(said.body)
        queue.tell_progress(
            session,
            turn.attempt_id,
            turn.holder,
            self._lease_s,
            phase=phase,
            checks=[check.model_dump() for check in progress.checks],
            total=progress.total,
        )


class RecorderService(ConsumerMixin):  # type: ignore[misc]
    """Consumes the broker's queues until it is told to stop.

    Args:
        connection: With the recorder's user, and no heartbeat: see `_settle`.
        recorder: What does it.
    """

    def __init__(self, connection: Connection, recorder: Recorder) -> None:
        self.connection = connection
        self._recorder = recorder

    def get_consumers(self, _consumer: type[Consumer], channel: Any) -> list[Consumer]:
        """Kombu asks for them after each connect. The relay has declared their queues."""
        by_name = {each.name: each for each in queues()}
        return [
            self._consumer(channel, by_name[REPORTS], self._on_report),
            self._consumer(channel, by_name[DEAD_JOBS], self._on_dead),
        ]

    def _consumer(
        self, channel: Any, source: Queue, on_message: Callable[[Message], None]
    ) -> Consumer:
        return Consumer(
            channel,
            queues=[source],
            on_message=on_message,
            prefetch_count=_PREFETCH,
            no_ack=False,
            auto_declare=False,  # for which a recorder has no right
        )

    def _on_report(self, message: Message) -> None:
        content = _bytes(message)
        self._settle(message, lambda: self._recorder.take(content))

    def _on_dead(self, message: Message) -> None:
        content = _bytes(message)
        try:
            fields = json.loads(content)[0][0] if len(content) <= LARGEST_JOB else None
        except (ValueError, RecursionError, LookupError, TypeError):
            fields = None
        self._settle(message, lambda: self._recorder.bury(fields))

    def _settle(self, message: Message, record: Callable[[], Verdict]) -> None:
        """Record, if it takes hours: giving it back would count towards its delivery limit."""
        while (verdict := record()) is Verdict.LATER:
            if self.should_stop:
                return  # not acknowledged: it comes again
            time.sleep(_PAUSE_S)
        if verdict is Verdict.DONE:
            message.ack()
        else:
            message.reject(requeue=False)


def _bytes(message: Message) -> bytes:
    body = message.body
    return body.encode() if isinstance(body, str) else bytes(body)


def _words(said: Said) -> str:
    return str(said.body.get("message"))[:2000]
