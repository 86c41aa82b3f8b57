"""The recorder: reads what runners say, believes nothing that it has not checked, and records it.

A plain consumer, not a Celery worker: a message of Celery's can ask its worker to publish others,
and what a runner wrote must not be able to.
"""

import json
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import Any

import structlog
from kombu import Connection, Consumer, Message, Queue
from kombu.mixins import ConsumerMixin
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session
from structlog.contextvars import bound_contextvars

from grader.report import from_document
from grader.text import clean
from grader.worker.jobs import LARGEST_JOB, REPORTS, NotAJob, Said, job_of, said_of
from web.database import Database
from web.dispatch.tokens import JobTokens, TokenRefused, Turn
from web.dispatch.topology import DEAD_JOBS, queues
from web.grading import queue
from web.grading.progress import Told, tell_some
from web.grading.recorder import NotRecordable, record_report
from web.grading.tallies import Fault, count_refused

log = structlog.get_logger()

_PREFETCH = 40
_GATHER_S = 0.1
"""Words of progress wait so long for others, to be recorded with them."""

_PAUSE_S = 2.0
_UNFIT = (DataError, IntegrityError, UnicodeError)
"""The database or its driver will never take it, however often it is tried."""

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


@dataclass(frozen=True)
class Word:
    """What a runner says of a turn that it was given.

    Attributes:
        said: The message.
        turn: Which its token stands for.
        told: How far the grading is, where the message says that.
    """

    said: Said
    turn: Turn
    told: Told | None = None


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
        word = self.read(content)
        if word is None:
            return Verdict.REFUSED
        return self.record(word) if word.told is None else self.tell([word.told])

    def read(self, content: bytes) -> Word | None:
        """What a message says; None where it is refused."""
        try:
            said = said_of(content)
            turn = self._tokens.read(said.token)
        except (NotAJob, TokenRefused) as error:
            self._refuse(error)
            return None
        word = Word(said, turn)
        try:
            return replace(word, told=_told(said, turn)) if said.kind in _PROGRESS else word
        except ValidationError as error:
            with _about(word):
                self._refuse(error)
            return None

    def tell(self, told: Sequence[Told]) -> Verdict:
        """Record how far gradings are: all at once, and of each only what was said last."""
        newest = {(each.attempt_id, each.worker): each for each in told}
        try:
            with self._database.writing() as session:
                tell_some(session, list(newest.values()), self._lease_s)
        except _UNFIT as error:
            if len(newest) > 1:  # nobody's words keep others' out
                verdicts = {self.tell([each]) for each in newest.values()}
                return Verdict.LATER if Verdict.LATER in verdicts else Verdict.DONE
            self._refuse(error)
            return Verdict.REFUSED
        except (SQLAlchemyError, OSError) as error:
            log.error("progress cannot be recorded yet", error=str(error)[:500])
            return Verdict.LATER
        return Verdict.DONE

    def record(self, word: Word) -> Verdict:
        """Record how a grading ended."""
        with _about(word):
            try:
                with self._database.writing() as session:
                    end = self._end(session, word)
            except (NotRecordable, ValueError, *_UNFIT) as error:
                self._refuse(error)
                return Verdict.REFUSED
            except (SQLAlchemyError, OSError) as error:
                log.error("a report cannot be recorded yet", error=str(error)[:500])
                return Verdict.LATER
            end()
        return Verdict.DONE

    def bury(self, fields: object) -> Verdict:
        """A job that no runner could work off: a person has to look at it."""
        try:
            job = job_of(fields)
            turn = self._tokens.read(job.token)
        except (NotAJob, TokenRefused) as error:
            log.warning("a dead job says nothing", reason=str(error)[:500])
            return Verdict.DONE
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
            log.error("a dead job cannot be recorded yet", error=str(error)[:500], **turn.names)
            return Verdict.LATER
        log.error("a job lies with the dead", **turn.names)
        return Verdict.DONE

    def _end(self, session: Session, word: Word) -> Callable[..., object]:
        """Record it; what is to be logged once that is committed."""
        said, turn = word.said, word.turn
        if said.kind == "report":
            document = said.body.get("report")
            report = from_document(document)
            recorded = record_report(session, turn.attempt_id, report, document)
            return partial(log.info, "reported", recorded=recorded)
        if said.kind == "unwell":
            queue.give_back(session, turn.attempt_id, turn.holder, fault=Fault.UNWELL)
            return partial(log.error, "a runner is ill", why=_words(said))
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
        return partial(
            log.error,
            "not graded, by no fault of the submission",
            fault=_words(said),
            lasting=lasting,
        )

    def _refuse(self, error: Exception) -> None:
        log.warning("a report was refused", reason=str(error)[:500])
        try:
            with self._database.writing() as session:
                count_refused(session)
        except (SQLAlchemyError, OSError):
            log.warning("a refusal could not be counted")


def _about(word: Word) -> AbstractContextManager[object]:
    return bound_contextvars(by=word.said.runner[:60], **word.turn.names)


def _told(said: Said, turn: Turn) -> Told:
    """Raises ValidationError."""
    if said.kind == "phase":
        return Told(turn.attempt_id, turn.holder, clean(str(said.body.get("name")), 40))
    progress = _Progress.model_validate(said.body)
    checks = [check.model_dump() for check in progress.checks]
    return Told(turn.attempt_id, turn.holder, "running checks", checks, progress.total)


class RecorderService(ConsumerMixin):  # type: ignore[misc]
    """Consumes the broker's queues until it is told to stop.

    Words of progress are gathered for a moment, to be recorded in one transaction.

    Args:
        connection: With the recorder's user, and no heartbeat: see `_settle`.
        recorder: What does it.
    """

    def __init__(self, connection: Connection, recorder: Recorder) -> None:
        self.connection = connection
        self._recorder = recorder
        self._gathered: list[tuple[Message, Told]] = []
        self._since = 0.0

    def serve(self) -> None:
        """Until `should_stop` is set. What happens to its connection, it outlives."""
        self.run(safety_interval=_GATHER_S)

    def get_consumers(self, _consumer: type[Consumer], channel: Any) -> list[Consumer]:
        """Kombu asks for them after each connect. The relay has declared their queues."""
        self._gathered.clear()  # the broker gives what was not acknowledged once more
        by_name = {each.name: each for each in queues()}
        return [
            self._consumer(channel, by_name[REPORTS], self._on_report),
            self._consumer(channel, by_name[DEAD_JOBS], self._on_dead),
        ]

    def on_iteration(self) -> None:
        """Kombu calls it after each message, and where none comes for a moment."""
        if self._gathered and time.monotonic() - self._since >= _GATHER_S:
            self._tell()

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
        word = self._recorder.read(_bytes(message))
        if word is None:
            message.reject(requeue=False)
        elif word.told is None:
            self._settle(message, lambda: self._recorder.record(word))
        else:
            if not self._gathered:
                self._since = time.monotonic()
            self._gathered.append((message, word.told))
            if len(self._gathered) >= _PREFETCH // 2:
                self._tell()

    def _on_dead(self, message: Message) -> None:
        content = _bytes(message)
        try:
            fields = json.loads(content)[0][0] if len(content) <= LARGEST_JOB else None
        except (ValueError, RecursionError, LookupError, TypeError):
            fields = None
        self._settle(message, lambda: self._recorder.bury(fields))

    def _tell(self) -> None:
        told = [each for _message, each in self._gathered]
        if self._insist(lambda: self._recorder.tell(told)) is not Verdict.LATER:
            for message, _each in self._gathered:
                message.ack()
        self._gathered.clear()

    def _settle(self, message: Message, record: Callable[[], Verdict]) -> None:
        verdict = self._insist(record)
        if verdict is Verdict.DONE:
            message.ack()
        elif verdict is Verdict.REFUSED:
            message.reject(requeue=False)

    def _insist(self, record: Callable[[], Verdict]) -> Verdict:
        """Record, if it takes hours: giving it back would count towards its delivery limit.

        Later only where the service stops: what is not acknowledged comes again.
        """
        while (verdict := record()) is Verdict.LATER and not self.should_stop:
            time.sleep(_PAUSE_S)
        return verdict


def _bytes(message: Message) -> bytes:
    body = message.body
    return body.encode() if isinstance(body, str) else bytes(body)


def _words(said: Said) -> str:
    return clean(str(said.body.get("message")), 2000)
