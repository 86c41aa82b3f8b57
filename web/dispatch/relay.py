"""The relay: gives queued attempts to the broker, a few ahead of what runners take.

The table of attempts is the outbox. An attempt is written in one transaction with its submission,
and it is published by whoever claims it; if that one dies before the broker has confirmed, the
lease ends and another publishes it again. Runners may so grade an attempt twice; it is recorded
once. Only `window` attempts are out at a time, so that the order in which students get their turns
is the database's to the last moment, and a broker that loses its disk loses next to nothing.
"""

import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import structlog
from amqp.exceptions import AMQPError
from celery import Celery
from kombu import Connection
from kombu.exceptions import OperationalError
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from grader.worker.broker import queue_name
from grader.worker.jobs import TASK, Job
from web.courses.models import Version
from web.database import Database
from web.dispatch.tokens import JobTokens, Turn
from web.dispatch.topology import declare
from web.grading import queue
from web.grading.models import Attempt, State

log = structlog.get_logger()

HOLDER = "broker-"
"""What the worker of an attempt is called that the broker has."""

_LOOK_EVERY_S = 0.5
_UNWELL_S = 5.0
AT_ONCE = 20
"""Ranked and claimed in one transaction: what waits behind them may be much."""

_RECONCILE_EVERY_S = 15.0


@dataclass(frozen=True)
class RelaySettings:
    """How the relay works.

    Attributes:
        runner_address: Of the service, as runners reach it.
        window: How many attempts are with the broker and its runners at a time, by queue.
        lease_s: After so long without a word of an attempt it is published again.
    """

    runner_address: str
    window: int
    lease_s: int


class Relay:
    """Publishes attempts.

    Args:
        database: Where they are.
        celery: With the control plane's user.
        tokens: Of jobs.
        settings: How.
    """

    def __init__(
        self, database: Database, celery: Celery, tokens: JobTokens, settings: RelaySettings
    ) -> None:
        self._database = database
        self._celery = celery
        self._tokens = tokens
        self._settings = settings

    def prepare(self) -> None:
        """Declare what the broker needs. Raises what the broker raises."""
        with Connection(self._celery.conf.broker_url) as connection:
            declare(connection)

    def run(self, stopping: threading.Event) -> None:
        """Until it is told to stop; what it meets, it outlives."""
        prepared, reconcile_at = False, 0.0
        while not stopping.is_set():
            try:
                if not prepared:
                    self.prepare()
                    prepared = True
                if time.monotonic() >= reconcile_at:
                    self.reconcile()
                    reconcile_at = time.monotonic() + _RECONCILE_EVERY_S
                published = self.publish_some()
            except (SQLAlchemyError, AMQPError, OperationalError, OSError) as error:
                log.error("nothing can be given to the broker", error=str(error)[:500])
                stopping.wait(_UNWELL_S)
                continue
            if not published:
                stopping.wait(_LOOK_EVERY_S)

    def reconcile(self) -> int:
        """Take back what nobody has spoken of for too long; how many."""
        with self._database.writing() as session:
            released = queue.release_expired(session)
        for names in released:
            log.warning("taken back, as nobody spoke of it", **names)
        return len(released)

    def publish_some(self) -> int:
        """As many as the window has room for; how many.

        Raises:
            OperationalError, AMQPError, OSError: The broker cannot be reached; nothing is lost.
        """
        published = 0
        for name, device in (("cpu", "cpu"), ("gpu", "cuda")):
            room = self._room(device)
            while room > 0:
                orders = self._claim(device, min(room, AT_ONCE))
                self._publish(name, orders)
                published += len(orders)
                room = room - len(orders) if orders else 0
        return published

    def _room(self, device: str) -> int:
        with self._database.reading() as session:
            return self._settings.window - out(session, device)

    def _claim(self, device: str, most: int) -> list[queue.Order]:
        with self._database.writing() as session:
            return queue.claim_some(
                session,
                lambda: f"{HOLDER}{secrets.token_hex(8)}",
                self._settings.lease_s,
                most,
                device=device,
            )

    def _publish(self, name: str, orders: Sequence[queue.Order]) -> None:
        for index, order in enumerate(orders):
            try:
                self._send(name, order)
            except Exception:
                self._give_back(orders[index:])
                raise
            log.info("published", queue=name, **order.names)

    def _give_back(self, orders: Sequence[queue.Order]) -> None:
        # The first may have arrived all the same; then it is graded in vain, as its turn is over.
        with self._database.writing() as session:
            for order in orders:
                queue.give_back(session, order.attempt_id, order.worker)
        for order in orders:
            log.warning("not published", **order.names)

    def _send(self, name: str, order: queue.Order) -> None:
        job = self._job(order)
        self._celery.send_task(
            TASK,
            args=[asdict(job)],
            queue=queue_name(name),
            task_id=f"{order.trace}-{secrets.token_hex(4)}",  # it stands in Celery's own log
            mandatory=True,
            delivery_mode=2,
            retry=False,
            ignore_result=True,
        )

    def _job(self, order: queue.Order) -> Job:
        address = self._settings.runner_address.rstrip("/")
        return Job(
            token=self._tokens.make(Turn.of(order)),
            receipt=order.receipt,
            trace=order.trace,
            archive_url=f"{address}/runner/archive",
            archive_sha256=order.archive,
            assignment_url=f"{address}/runner/assignment",
            assignment_sha256=order.assignment_sha256,
            seed=secrets.randbits(48),
        )


def out(session: Session, device: str) -> int:
    """How many attempts for a device are with the broker or its runners."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Attempt)
            .join(Version, Version.id == Attempt.version_id)
            .where(
                Attempt.state == State.RUNNING.value,
                Attempt.worker.startswith(HOLDER, autoescape=True),
                Version.device == device,
            )
        )
        or 0
    )
