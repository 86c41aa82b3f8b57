"""Handing in, watching, and learning from the report."""

from apiflask import APIBlueprint
from flask import (
    Response,
    current_app,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy.orm import Session
from werkzeug.http import generate_etag

from grader.bundle import to_zip
from grader.submission import read_submission
from grader.text import clean
from grader.tracing import trace_of
from web.courses.access import assignment_in
from web.courses.deadlines import deadline_for
from web.courses.models import CourseAssignment
from web.errors import Invalid
from web.gradebook.standings import official_results
from web.grading.models import State
from web.limits import limit_uploads
from web.markup import code
from web.pictures import duel
from web.rules import Who, allow, place, user
from web.services import services
from web.submissions import choosing
from web.submissions.models import Submission
from web.submissions.receiving import FOLDER, Upload, read_files, receive
from web.submissions.reports import are_scores_shown, newest_attempts, report_for, state_of

submissions = APIBlueprint("submissions", __name__, enable_openapi=False)

PREVIEW_S = 3600
SOONEST_S, LATEST_S = 0.5, 15.0
"""When who watches looks again."""
_PREVIEWED_LINES = 40


@submissions.post("/courses/<course>/assignments/<assignment>/preview")
@allow(Who.MEMBER)
@limit_uploads
def preview(course: str, assignment: str) -> ResponseReturnValue:  # noqa: ARG001
    """What was received, before it is handed in; or why it is refused."""
    with services().database.reading() as rows:
        found = assignment_in(rows, place(), assignment)
    try:
        files = read_files(_upload(), found)
    except Invalid as refusal:
        page = render_template("submissions/preview.html", assignment=found, refusal=str(refusal))
        return page, 422
    archive = services().blobs.put(to_zip(files.files, FOLDER))
    module = files.files[found.version.module].decode("utf-8", "replace")
    lines = clean(module, 20_000).split("\n")
    return render_template(
        "submissions/preview.html",
        assignment=found,
        files=files,
        lines="\n".join(lines[:_PREVIEWED_LINES]),
        left_out=max(0, len(lines) - _PREVIEWED_LINES),
        token=_signer().dumps([user().id, found.id, archive]),
        key=request.form.get("key", ""),
    )


@submissions.post("/courses/<course>/assignments/<assignment>/submissions")
@allow(Who.MEMBER)
@limit_uploads
def hand_in(course: str, assignment: str) -> ResponseReturnValue:  # noqa: ARG001
    """Take it in: files that come with the request, or what was previewed."""
    token = request.form.get("previewed")
    upload = _upload() if token is None else _previewed(token, assignment)
    made = services()
    submission = receive(made.database, made.blobs, place(), assignment, upload)
    made.workers.notify()
    return redirect(url_for("submissions.submission", receipt=submission.receipt))


@submissions.get("/submissions/<receipt>/")
@allow(Who.OWNER)
def submission(receipt: str) -> ResponseReturnValue:  # noqa: ARG001
    """The receipt, and the progress or the report."""
    with services().database.reading() as rows:
        shown = _progress(rows, g.submission)
        shown |= _report(rows, g.submission) if shown["state"] is State.DONE else {}
        shown["late_days"] = deadline_for(
            rows, g.submission.assignment, g.submission.user_id
        ).late_days(g.submission.received_at)
    return render_template("submissions/submission.html", **shown)


@submissions.get("/submissions/<receipt>/progress")
@allow(Who.OWNER)
def progress(receipt: str) -> ResponseReturnValue:
    """How far it is: a part of the page, asked for again and again until it is done."""
    with services().database.reading() as rows:
        shown = _progress(rows, g.submission)
    if shown["state"] is State.DONE:
        answer = Response(status=200)
        answer.headers["HX-Redirect"] = url_for("submissions.submission", receipt=receipt)
        return answer
    body = render_template("submissions/_progress.html", **shown)
    answer = make_response(body)
    answer.set_etag(generate_etag(body.encode()))
    return answer.make_conditional(request)


@submissions.post("/submissions/<receipt>/choose")
@allow(Who.OWNER)
def choose(receipt: str) -> ResponseReturnValue:
    """Let this one count."""
    assignment = g.submission.assignment
    with services().database.writing() as rows:
        choosing.choose(rows, user().id, g.submission)
    flash(f"Submission {receipt} counts now.")
    return redirect(
        url_for("courses.assignment", course=assignment.course.slug, assignment=assignment.slug)
    )


@submissions.get("/submissions/<receipt>/files.zip")
@allow(Who.OWNER)
def files(receipt: str) -> ResponseReturnValue:
    """What was handed in."""
    content = services().blobs.get(g.submission.archive)
    name = f"attachment; filename={receipt}.zip"
    return Response(content, content_type="application/zip", headers={"Content-Disposition": name})


@submissions.get("/submissions/<receipt>/receipt.txt")
@allow(Who.OWNER)
def receipt_text(receipt: str) -> ResponseReturnValue:  # noqa: ARG001
    """The receipt, to keep."""
    text = render_template(
        "submissions/receipt.txt", submission=g.submission, course=place().course
    )
    return Response(text, content_type="text/plain; charset=utf-8")


def look_again_s(state: State, ahead: int | None) -> float:
    """Seconds until who watches looks again.

    That is soon where something happens, and later the more gradings come before: so a crowd at a
    deadline does not slow down who hands in.

    Args:
        state: Of the submission.
        ahead: Its place in the queue, if it has one.
    """
    if state is State.WAITING:
        return LATEST_S
    return min(max(float(ahead or 0), SOONEST_S), LATEST_S)


def _progress(rows: Session, of: Submission) -> dict[str, object]:
    attempt = newest_attempts(rows, [of.id]).get(of.id)
    result = official_results(rows, [of.id]).get(of.id)
    state = state_of(attempt, result)
    ahead = None
    if attempt is not None and state is State.QUEUED:
        ahead = services().places.of(rows, attempt.id)
    return {
        "submission": of,
        "assignment": of.assignment,
        "attempt": attempt,
        "state": state,
        "ahead": ahead,
        "look_again_s": f"{look_again_s(state, ahead):g}",
        "shown": are_scores_shown(of.assignment, place()),
    }


def _report(rows: Session, of: Submission) -> dict[str, object]:
    """What the page of a graded submission shows besides."""
    if not are_scores_shown(of.assignment, place()):
        return {"report": None}
    report = report_for(rows, of, place())
    stored = read_submission([("submission.zip", services().blobs.get(of.archive))])
    return {
        "report": report,
        "pictures": {
            check.id: duel(check.speed)
            for check in report.checks
            if check.speed is not None and check.speed.pairs > 0
        },
        "sources": [
            (name, len(content), _source(name, content)) for name, content in stored.files.items()
        ],
    }


def _source(name: str, content: bytes) -> object:
    if name.endswith(".npy"):
        return None
    return code(content.decode("utf-8", "replace"), name)


def _upload() -> Upload:
    chosen = [file for file in request.files.getlist("files") if file.filename]
    if not chosen:
        raise Invalid("No file was chosen: choose your module, or a zip of your files.")
    return Upload(
        [(file.filename or "", file.read()) for file in chosen],
        "web",
        request.remote_addr or "",
        request.form.get("key") or None,
        trace_of(request.headers.get("traceparent")),
    )


def _previewed(token: str, slug: str) -> Upload:
    """What an earlier preview of the same person has stored."""
    try:
        user_id, assignment_id, archive = _signer().loads(token, max_age=PREVIEW_S)
    except (BadData, ValueError, TypeError) as error:
        raise Invalid("This preview is too old: upload the files again.") from error
    with services().database.reading() as rows:
        found: CourseAssignment = assignment_in(rows, place(), slug)
    if (user_id, assignment_id) != (user().id, found.id):
        raise Invalid("This preview belongs to something else: upload the files again.")
    stored = [("submission.zip", services().blobs.get(archive))]
    return Upload(
        stored,
        "web",
        request.remote_addr or "",
        request.form.get("key") or None,
        trace_of(request.headers.get("traceparent")),
    )


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="preview")
