"""Regrades: a proposal that is graded first, then looked at, and only then applied or dropped."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, joinedload

from web.accounts.models import User
from web.audit import log_act
from web.courses.models import CourseAssignment, Version
from web.courses.setting import clean_reason, refresh_all
from web.database import now
from web.errors import Conflict, Invalid, NotFound
from web.gradebook.models import Regrade, Standing
from web.gradebook.standings import official_results
from web.grading.models import Attempt, Result, State
from web.grading.queue import enqueue
from web.submissions.models import Submission

WHICH = {
    "one": "one submission",
    "latest": "each student's latest submission",
    "failed": "submissions that do not have all points",
    "all": "all submissions",
}

_UNFINISHED = (State.QUEUED.value, State.RUNNING.value)


@dataclass(frozen=True)
class Move:
    """What a regrade does to one submission.

    Attributes:
        receipt: Of the submission.
        login: Who handed it in.
        name: The same, for people.
        counts: Whether it is the one that counts now.
        before: Its score now; None where it has none.
        after: Its score by the regrade.
        max_score: What the regrade's version gives at most.
    """

    receipt: str
    login: str
    name: str
    counts: bool
    before: float | None
    after: float
    max_score: float

    @property
    def difference(self) -> float:
        """Points won, or lost where it is less than 0."""
        return self.after - (self.before or 0.0)


@dataclass(frozen=True)
class Review:
    """What there is to decide about.

    Attributes:
        moves: Submissions whose score would change, the largest loss first.
        unchanged: How many would keep theirs.
        states: How many attempts are in each state.
    """

    moves: tuple[Move, ...]
    unchanged: int
    states: dict[str, int]

    @property
    def unfinished(self) -> int:
        """How many are not graded yet."""
        return sum(self.states.get(state, 0) for state in _UNFINISHED)

    @property
    def waiting(self) -> int:
        """How many could not be graded; they keep the score that they have."""
        return self.states.get(State.WAITING.value, 0)


def propose(
    session: Session,
    actor_id: int,
    assignment: CourseAssignment,
    version_id: int,
    which: str,
    reason: str,
    receipt: str | None = None,
) -> Regrade:
    """Queue gradings whose results count only once the regrade is applied.

    Raises:
        Invalid: There is no such choice, or no reason.
        NotFound: There is no such version or submission of this assignment.
        Conflict: Another regrade of the assignment is open, or there is nothing to grade.
    """
    if which not in WHICH:
        raise Invalid(f"A regrade is of {', '.join(WHICH.values())}.")
    reason = clean_reason(reason)
    version = session.get(Version, version_id)
    if version is None or version.slug != assignment.slug:
        raise NotFound("There is no such version of this assignment.")
    still_open = select(Regrade.id).where(
        Regrade.assignment_id == assignment.id, Regrade.state == "open"
    )
    if session.scalar(still_open) is not None:
        raise Conflict("Another regrade of this assignment is open: apply or drop it first.")
    chosen = _chosen(session, assignment, which, receipt)
    if not chosen:
        raise Conflict("There is nothing to grade again.")
    regrade = Regrade(
        assignment_id=assignment.id,
        version_id=version.id,
        which=which,
        reason=reason,
        actor_id=actor_id,
    )
    session.add(regrade)
    session.flush()
    for submission in chosen:
        enqueue(session, submission.id, version.id, regrade_id=regrade.id)
    log_act(
        session,
        actor_id,
        "propose regrade",
        assignment.slug,
        course_id=assignment.course_id,
        regrade=regrade.id,
        which=which,
        submissions=len(chosen),
        version=version.label,
        reason=reason,
    )
    return regrade


def review(session: Session, regrade: Regrade) -> Review:
    """Who moves, and by how much; in a fixed number of queries."""
    rows = session.execute(
        select(Attempt.state, func.count())
        .where(Attempt.regrade_id == regrade.id)
        .group_by(Attempt.state)
    )
    states = {row[0]: row[1] for row in rows}
    graded = session.execute(
        select(Submission, User.login, User.name, Result, Standing.submission_id)
        .join(Attempt, Attempt.submission_id == Submission.id)
        .join(Result, Result.attempt_id == Attempt.id)
        .join(User, User.id == Submission.user_id)
        .outerjoin(
            Standing,
            (Standing.assignment_id == Submission.assignment_id)
            & (Standing.user_id == Submission.user_id),
        )
        .where(Attempt.regrade_id == regrade.id)
    ).all()
    before = _scores_before(session, regrade)
    moves = []
    for submission, login, name, result, counting in graded:
        old = before.get(submission.id)
        if old != result.score:
            counts = counting == submission.id
            moves.append(
                Move(submission.receipt, login, name, counts, old, result.score, result.max_score)
            )
    moves.sort(key=lambda move: (move.difference, move.login))
    return Review(tuple(moves), len(graded) - len(moves), states)


def apply(session: Session, actor_id: int, regrade: Regrade) -> Review:
    """Let its results count.

    Raises:
        Conflict: It is decided already, or not all of it is graded.
    """
    _require_open(regrade)
    found = review(session, regrade)
    if found.unfinished:
        raise Conflict(f"Not all of this regrade is graded yet: {found.unfinished} to go.")
    _decide(session, actor_id, regrade, "applied", len(found.moves))
    return found


def drop(session: Session, actor_id: int, regrade: Regrade) -> None:
    """Let none of it ever count, and grade no more of it. Raises Conflict if it is decided."""
    _require_open(regrade)
    session.execute(
        update(Attempt)
        .where(
            Attempt.regrade_id == regrade.id,
            Attempt.state.in_([*_UNFINISHED, State.WAITING.value]),
        )
        .values(state=State.CANCELLED.value, worker=None, leased_until=None, ended_at=now())
    )
    _decide(session, actor_id, regrade, "dropped", 0)


def regrade_in(
    session: Session, course_id: int, regrade_id: int
) -> tuple[Regrade, CourseAssignment]:
    """A regrade of a course, and the assignment that it is of. Raises NotFound."""
    found = session.get(Regrade, regrade_id)
    if found is not None:
        assignment = session.get_one(
            CourseAssignment, found.assignment_id, options=[joinedload(CourseAssignment.version)]
        )
        if assignment.course_id == course_id:
            return found, assignment
    raise NotFound("There is no such regrade in this course.")


def _chosen(
    session: Session, assignment: CourseAssignment, which: str, receipt: str | None
) -> Sequence[Submission]:
    every = session.scalars(
        select(Submission)
        .where(Submission.assignment_id == assignment.id)
        .order_by(Submission.received_at, Submission.id)
    ).all()
    if which == "one":
        found = [each for each in every if each.receipt == receipt]
        if not found:
            raise NotFound("There is no such submission for this assignment.")
        return found
    if which == "latest":
        return list({each.user_id: each for each in every}.values())
    if which == "failed":
        results = official_results(session, [each.id for each in every])
        full = {key for key, result in results.items() if result.score == result.max_score}
        return [each for each in every if each.id not in full]
    return every


def _scores_before(session: Session, regrade: Regrade) -> dict[int, float]:
    """Of its submissions, the scores that count without it."""
    ids = session.scalars(select(Attempt.submission_id).where(Attempt.regrade_id == regrade.id))
    if regrade.state == "applied":
        return _scores_below(session, regrade)
    found = official_results(session, ids.all())
    return {submission_id: result.score for submission_id, result in found.items()}


def _scores_below(session: Session, regrade: Regrade) -> dict[int, float]:
    """The same of an applied one: the results that counted before its epochs."""
    mine = (
        select(Attempt.submission_id, Attempt.epoch)
        .where(Attempt.regrade_id == regrade.id)
        .subquery()
    )
    rows = session.execute(
        select(Result.submission_id, Result.score)
        .join(mine, (mine.c.submission_id == Result.submission_id) & (mine.c.epoch > Result.epoch))
        .join(Attempt, Attempt.id == Result.attempt_id)
        .outerjoin(Regrade, Regrade.id == Attempt.regrade_id)
        .where(Attempt.regrade_id.is_(None) | (Regrade.state == "applied"))
        .order_by(Result.epoch)
    )
    return {row[0]: row[1] for row in rows}


def _require_open(regrade: Regrade) -> None:
    if regrade.state != "open":
        raise Conflict(f"This regrade is {regrade.state} already.")


def _decide(session: Session, actor_id: int, regrade: Regrade, state: str, moves: int) -> None:
    regrade.state, regrade.decided_by, regrade.decided_at = state, actor_id, now()
    session.flush()
    assignment = session.get_one(CourseAssignment, regrade.assignment_id)
    concerned = session.scalars(
        select(Submission.user_id)
        .join(Attempt, Attempt.submission_id == Submission.id)
        .where(Attempt.regrade_id == regrade.id)
        .distinct()
    )
    refresh_all(session, assignment.course_id, concerned)
    log_act(
        session,
        actor_id,
        f"{state} regrade",
        assignment.slug,
        course_id=assignment.course_id,
        regrade=regrade.id,
        moves=moves,
    )
