"""What all pages share: how times are shown, where errors go, the frame around them."""

import shlex
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from flask import Flask, Response, g, jsonify, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from grader.measurement import SpeedMeasurement
from grader.report import CheckResult, Report
from grader.text import clean
from grader.wording import duration, findings, speed_ratio, speed_verdict
from web.courses.models import Course
from web.errors import Invalid, RequestRefused
from web.rules import is_for_programs, signed_in_user
from web.services import services

log = structlog.get_logger()

_OUT_OF_ORDER = (
    "The service cannot store anything at the moment. Nothing was taken or changed: please try "
    "again in a minute."
)


def time_zone(course: Course | None = None) -> ZoneInfo:
    """In which times are shown: the person's own, or the course's."""
    user = signed_in_user()
    name = user.time_zone if user is not None and user.time_zone else None
    if name is None:
        place = g.get("place")
        course = course or (place.course if place is not None else None)
        name = course.time_zone if course is not None else "UTC"
    return ZoneInfo(name)


def shown_time(moment: datetime | None, course: Course | None = None) -> str:
    """To the minute, with the zone's name: `Fri 27 Nov 2026, 18:00 CET`."""
    if moment is None:
        return "none"
    local = moment.astimezone(time_zone(course))
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M} {local.tzname()}"


def shown_score(score: float | None) -> str:
    """With two digits at most; a dash for none."""
    return "-" if score is None else f"{round(score, 2):g}"


def shown_size(count: int) -> str:
    """Bytes, for people."""
    return f"{count} bytes" if count < 1024 else f"{count / 1024:.1f} KiB"


def shown_browser(agent: str) -> str:
    """The program and its system, as far as what it calls itself tells: `Firefox on Linux`."""
    programs = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome"}
    systems = {"Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows"}
    programs |= {"Safari/": "Safari"}  # what Chrome calls itself, too
    systems |= {"Mac OS": "macOS", "Linux": "Linux"}  # what Android calls itself, too
    program = next((name for mark, name in programs.items() if mark in agent), "A browser")
    system = next((f" on {name}" for mark, name in systems.items() if mark in agent), "")
    return program + system


def finding_lines(check: CheckResult) -> str:
    """What is wrong and in which case; the hint is shown by itself."""
    return "\n".join(findings(replace(check, hint=None)))


def judged_pairs(speed: SpeedMeasurement) -> list[tuple[float, float]]:
    """Seconds of both sides, of the pairs that were judged."""
    both = zip(speed.student_s, speed.reference_s, strict=False)
    return list(both)[-speed.pairs :] if speed.pairs else []


def repetition(report: Report) -> str:
    """The command that gives the same verdicts, for the unpacked files in a folder."""
    words = ["grader", "grade", "my-submission"]
    words += ["--assignment", report.assignment["slug"]] if report.assignment else []
    words += ["--sandbox", report.sandbox["kind"]] if report.sandbox else []
    words += ["--seed", str(report.seed)] if report.seed is not None else []
    return clean(shlex.join(words), 500)


def set_up_pages(app: Flask) -> None:
    """Add filters, what every template may use, and the error pages."""
    app.jinja_env.filters.update(
        time=shown_time,
        score=shown_score,
        size=shown_size,
        browser=shown_browser,
        duration=duration,
        finding_lines=finding_lines,
        speed_ratio=speed_ratio,
        speed_verdict=speed_verdict,
        judged_pairs=judged_pairs,
        repetition=repetition,
    )
    app.jinja_env.globals.update(tojson=None)  # data goes into attributes, never into scripts
    app.context_processor(_frame)
    app.register_error_handler(RequestRefused, _refused)
    app.register_error_handler(CSRFError, _stale)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(OperationalError, _out_of_order)
    app.register_error_handler(OSError, _out_of_order)
    app.register_error_handler(Exception, _broken)


def _frame() -> dict[str, Any]:
    place = g.get("place")
    return {
        "user": signed_in_user(),
        "place": place,
        "course": place.course if place is not None else None,
        "paused": services().workers.health.paused,
    }


def _answer(status: int, title: str, detail: str, **members: Any) -> Response:
    """As a page, or as a problem document (RFC 9457) for programs, which gets the members too."""
    if is_for_programs():
        answer = jsonify(type="about:blank", title=title, status=status, detail=detail, **members)
        answer.status_code = status
        answer.content_type = "application/problem+json"
        return answer
    return make_response(render_template("error.html", title=title, detail=detail), status)


def _refused(error: RequestRefused) -> Response:
    errors = {"errors": error.errors} if isinstance(error, Invalid) and error.errors else {}
    return _answer(error.status, error.title, str(error), **errors)


def _stale(_error: CSRFError) -> Response:
    return _answer(
        400,
        "This page was open for too long",
        "Go back, reload the page and do it again. Nothing was changed.",
    )


def _http(error: HTTPException) -> Response:
    details = {
        401: "Show a token that is good." if is_for_programs() else "Sign in first.",
        404: "There is nothing at this address, or it is not yours to see.",
        405: "This address does not do that.",
        413: f"An upload has at most {services().settings.upload_bytes // 1024} KiB.",
        429: "You did this very often just now: wait a minute. Nothing was taken.",
    }
    status = error.code or 500
    answer = _answer(status, error.name, details.get(status, error.description or ""))
    if is_for_programs() and status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    if status == 429:
        answer.headers["Retry-After"] = "60"
    return answer


def _out_of_order(error: Exception) -> Response:
    log.error("a request failed by a fault of ours", path=request.path, error=repr(error))
    answer = _answer(503, "Out of order for a moment", _OUT_OF_ORDER)
    answer.headers["Retry-After"] = "60"
    return answer


def _broken(error: Exception) -> Response:
    log.exception("a request broke", path=request.path, exc_info=error)
    return _answer(
        500,
        "That is our fault",
        "Something in the service broke. What you handed in earlier is safe.",
    )
