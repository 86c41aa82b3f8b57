"""What runners fetch: the files of the job that their token stands for, and nothing else."""

import io
import tarfile

import structlog
from apiflask import APIBlueprint
from flask import Response, current_app, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Gone, Unauthorized

from web.dispatch.tokens import JobTokens, TokenRefused, Turn
from web.grading import queue
from web.grading.versions import version_folder
from web.rules import Who, allow
from web.services import services
from web.storage import BlobMissing

log = structlog.get_logger()

runners = APIBlueprint("runners", __name__, url_prefix="/runner", enable_openapi=False)

TOKEN_AGE_S = 86400


@runners.get("/archive")
@allow(Who.ANYONE)
def archive() -> ResponseReturnValue:
    """The submission's zip; to ask for it says that the grading begins."""
    turn = _turn()
    with services().database.writing() as rows:
        lease_s = services().settings.lease_seconds
        order = queue.begin(rows, turn.attempt_id, turn.holder, lease_s)
    if order is None:
        raise _gone(turn)
    try:
        content = services().blobs.get(order.archive)
    except BlobMissing as error:
        log.error("cannot be given to a runner", error=str(error), **order.names)
        raise
    log.info("fetched by a runner", **order.names)
    return Response(content, content_type="application/zip")


@runners.get("/assignment")
@allow(Who.ANYONE)
def assignment() -> ResponseReturnValue:
    """A tar of the assignment's folder."""
    turn = _turn()
    with services().database.reading() as rows:
        order = queue.held(rows, turn.attempt_id, turn.holder)
    if order is None:
        raise _gone(turn)
    folder = version_folder(services().settings.data, order.assignment_sha256)
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        tar.add(folder, folder.name)
    return Response(content.getvalue(), content_type="application/x-tar")


def _turn() -> Turn:
    """What the token stands for. Raises Unauthorized."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    tokens = JobTokens(current_app.config["SECRET_KEY"], TOKEN_AGE_S)
    try:
        return tokens.read(token)
    except TokenRefused as error:
        raise Unauthorized(str(error)) from None


def _gone(turn: Turn) -> Gone:
    log.info("not given to a runner, as its turn is over", **turn.names)
    return Gone("This grading was cancelled, or is another runner's by now.")
