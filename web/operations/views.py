"""Whether the service lives, is ready, and how much it has to do."""

import hmac

from apiflask import APIBlueprint
from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from web.database import now
from web.errors import NotFound
from web.grading import queue
from web.grading.models import Result, ResultConflict
from web.rules import Who, allow
from web.services import services
from web.submissions.models import Submission

operations = APIBlueprint("operations", __name__, enable_openapi=False)


@operations.get("/healthz")
@allow(Who.ANYONE)
def alive() -> ResponseReturnValue:
    """The process answers."""
    return jsonify(status="alive")


@operations.get("/readyz")
@allow(Who.ANYONE)
def ready() -> ResponseReturnValue:
    """The database answers, so submissions are taken; and whether they are graded."""
    try:
        with services().database.reading() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return jsonify(status="not ready", database="does not answer"), 503
    grading = "paused" if services().workers.health.paused else "goes on"
    return jsonify(status="ready", grading=grading)


@operations.get("/metrics")
@allow(Who.ANYONE)
def metrics() -> ResponseReturnValue:
    """For Prometheus."""
    token = services().settings.metrics_token
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    local = request.remote_addr in ("127.0.0.1", "::1")
    if not (hmac.compare_digest(given.encode(), token.encode()) if token else local):
        raise NotFound("There is nothing here.")
    return Response(generate_latest(_measured()), content_type=CONTENT_TYPE_LATEST)


def _measured() -> CollectorRegistry:
    registry = CollectorRegistry()
    attempts = Gauge(
        "onebyone_attempts", "Gradings that are not done, by state", ["state"], registry=registry
    )
    oldest = Gauge("onebyone_oldest_queued_seconds", "Age of what waits longest", registry=registry)
    totals = {
        "onebyone_submissions": ("Submissions received", Submission.id),
        "onebyone_results": ("Results recorded", Result.attempt_id),
        "onebyone_result_conflicts": ("Reports that contradict a result", ResultConflict.id),
    }
    paused = Gauge("onebyone_grading_paused", "1 while nothing is graded", registry=registry)
    with services().database.reading() as session:
        depth = queue.depth(session)
        for state in ("queued", "running", "waiting"):
            attempts.labels(state).set(depth.get(state, 0))
        since = queue.oldest_queued(session)
        oldest.set(0 if since is None else (now() - since).total_seconds())
        for name, (help_text, column) in totals.items():
            count = session.scalar(select(func.count(column)))
            Gauge(name, help_text, registry=registry).set(count or 0)
    paused.set(services().workers.health.paused is not None)
    return registry
