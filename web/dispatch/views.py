"""What runners fetch: the files of the job that their token stands for, and nothing else."""

import io
import tarfile

import structlog
from apiflask import APIBlueprint
from flask import Response, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.exceptions import Gone, Unauthorized

from web.database import now
from web.dispatch.tokens import JobTokens, TokenRefused
from web.grading import queue
from web.grading.models import Attempt
from web.grading.versions import version_folder
from web.rules import Who, allow
from web.security import secret_key
from web.services import services
from web.storage import BlobMissing

log = structlog.get_logger()

runners = APIBlueprint("runners", __name__, url_prefix="/runner", enable_openapi=False)

TOKEN_AGE_S = 86400


@runners.get("/archive")
@allow(Who.ANYONE)
def archive() -> ResponseReturnValue:
    """The submission's zip; to ask for it says that the grading begins."""
    with services().database.writing() as rows:
        attempt, holder = _attempt(rows)
        queue.tell_progress(
            rows,
            attempt.id,
            holder,
            services().settings.lease_seconds,
            phase="preparing",
            checks=[],
            total=0,
        )
        attempt.started_at = now()
        submission = attempt.submission
    names = queue.Names(attempt=attempt.id, submission=submission.receipt, trace=submission.trace)
    try:
        content = services().blobs.get(submission.archive)
    except BlobMissing as error:
        log.error("cannot be given to a runner", error=str(error), **names)
        raise
    log.info("fetched by a runner", **names)
    return Response(content, content_type="application/zip")


@runners.get("/assignment")
@allow(Who.ANYONE)
def assignment() -> ResponseReturnValue:
    """A tar of the assignment's folder."""
    with services().database.reading() as rows:
        attempt, _holder = _attempt(rows)
        sha256 = attempt.version.sha256
    folder = version_folder(services().settings.data, sha256)
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        tar.add(folder, folder.name)
    return Response(content.getvalue(), content_type="application/x-tar")


def _attempt(rows: Session) -> tuple[Attempt, str]:
    """What the token stands for. Raises Unauthorized, or Gone where its turn is over."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    tokens = JobTokens(secret_key(services().settings), TOKEN_AGE_S)
    try:
        turn = tokens.read(token)
    except TokenRefused as error:
        raise Unauthorized(str(error)) from None
    attempt = queue.held(rows, turn.attempt_id, turn.holder)
    if attempt is None:
        for names in queue.names_of(rows, [turn.attempt_id]):
            log.info("not given to a runner, as its turn is over", **names)
        raise Gone("This grading was cancelled, or is another runner's by now.")
    return attempt, turn.holder
