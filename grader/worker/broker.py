"""The broker as a runner sees it: queues that others have made, and one exchange to report to."""

from amqp.exceptions import AMQPError, NotFound
from celery import Celery
from kombu import Connection, Exchange, Queue
from kombu.exceptions import OperationalError

from grader.worker.jobs import QUEUES, REPORTS, Said, to_bytes

GRADE = "grade"
HEARTBEAT_S = 30
_RETRIES = {"max_retries": 5, "interval_start": 0.5, "interval_step": 1.0, "interval_max": 5.0}


class BrokerUnreachable(Exception):
    """The broker does not answer, or does not take what is said."""


def queue_name(queue: str) -> str:
    """The broker's name of a queue of jobs, such as `grade.cpu`."""
    return f"{GRADE}.{queue}"


def make_celery(broker_url: str) -> Celery:
    """Celery as both ends use it: jobs as JSON, acknowledged once they are reported on.

    Nothing else of Celery is in use: no results, no remote control, no retries by publishing, for
    which a runner has no right. What fails is rejected, and lies in the queue of the dead.
    """
    app = Celery("onebyone", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        result_backend=None,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_acks_on_failure=False,
        task_acks_on_timeout=False,
        task_retry_on_worker_lost=False,
        worker_prefetch_multiplier=1,
        task_queues=[job_queue(queue) for queue in QUEUES],
        task_default_queue=queue_name(QUEUES[0]),
        task_default_queue_type="quorum",
        task_create_missing_queues=False,
        worker_detect_quorum_queues=True,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        broker_transport_options={"confirm_publish": True},
        broker_heartbeat=HEARTBEAT_S,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
    )
    return app


def job_queue(queue: str) -> Queue:
    """A queue of jobs, which the control plane declares: a runner has no right to."""
    exchange = Exchange(GRADE, "direct", durable=True, no_declare=True)
    return Queue(
        queue_name(queue),
        exchange,
        routing_key=queue_name(queue),
        durable=True,
        no_declare=True,
        # Celery sees by this that it must not set a limit for the whole channel.
        queue_arguments={"x-queue-type": "quorum"},
    )


def has_queue(broker_url: str, queue: str) -> bool:
    """Whether the control plane has declared a queue of jobs.

    Raises:
        BrokerUnreachable: It does not answer, or refuses this user.
    """
    try:
        with Connection(broker_url) as connection, connection.channel() as channel:
            channel.queue_declare(queue_name(queue), passive=True)
    except NotFound:
        return False
    except (OSError, AMQPError, OperationalError) as error:
        raise BrokerUnreachable(f"{type(error).__name__}: {error}") from error
    return True


class Reporter:
    """Publishes what a runner says; every message is confirmed by the broker.

    Args:
        broker_url: With the runner's own user.
    """

    def __init__(self, broker_url: str) -> None:
        self._connection = Connection(
            broker_url, heartbeat=0, transport_options={"confirm_publish": True}
        )

    def say(self, said: Said) -> None:
        """Publish.

        Raises:
            NotAJob: It is too large.
            BrokerUnreachable: Also after some tries.
        """
        content = to_bytes(said)
        try:
            self._connection.Producer().publish(
                content,
                exchange=REPORTS,
                routing_key=REPORTS,
                content_type="application/json",
                content_encoding="utf-8",
                delivery_mode="persistent",
                retry=True,
                retry_policy=_RETRIES,
                declare=[],
            )
        except (OSError, AMQPError, OperationalError) as error:
            raise BrokerUnreachable(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Close the connection."""
        self._connection.release()
