"""Whether the service lives, is ready, and how much it has to do."""

import hmac

from apiflask import APIBlueprint
from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from web.errors import NotFound
from web.operations.metrics import measure
from web.rules import Who, allow
from web.services import services

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
    with services().database.reading() as session:
        told = measure(session, paused=services().workers.health.paused is not None)
    return Response(generate_latest(told), content_type=CONTENT_TYPE_LATEST)
