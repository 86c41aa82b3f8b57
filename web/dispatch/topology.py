"""Exchanges and queues of the broker. The control plane declares them; runners only use them."""

from kombu import Connection, Exchange, Queue

from grader.worker.broker import GRADE, queue_name
from grader.worker.jobs import QUEUES, REPORTS

DELIVERY_LIMIT = 3
"""What is not acknowledged is delivered so often again; then it lies with the dead."""

DEAD_JOBS, DEAD_REPORTS = "dead", "reports.dead"
_DEAD = "grade.dlx"


def _quorum(dead: str) -> dict[str, object]:
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": _DEAD,
        "x-dead-letter-routing-key": dead,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def queues() -> list[Queue]:
    """All of them, each with its exchange."""
    grade, reports = Exchange(GRADE, "direct"), Exchange(REPORTS, "direct")
    dead = Exchange(_DEAD, "direct")
    return [
        *(
            Queue(name, grade, routing_key=name, queue_arguments=_quorum(DEAD_JOBS))
            for name in map(queue_name, QUEUES)
        ),
        Queue(REPORTS, reports, routing_key=REPORTS, queue_arguments=_quorum(DEAD_REPORTS)),
        *(
            Queue(name, dead, routing_key=name, queue_arguments={"x-queue-type": "quorum"})
            for name in (DEAD_JOBS, DEAD_REPORTS)
        ),
    ]


def declare(connection: Connection) -> None:
    """Make those that are missing.

    Raises:
        amqp.exceptions.PreconditionFailed: One exists with other properties.
    """
    with connection.channel() as channel:
        for queue in queues():
            queue(channel).declare()
