"""Versions of assignments: folders that were proved sound, kept as they were then."""

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

from sqlalchemy import select

from grader.assignment import Assignment, load_assignment
from grader.errors import AssignmentInvalid
from grader.runner.messages import DescribeOrder
from grader.runner.process import RunnerProcess
from grader.verifying.record import load_record, why_not_publishable
from web.courses.models import Version
from web.database import Database
from web.errors import Invalid

_LEFT_OVER = shutil.ignore_patterns("__pycache__", ".*", "*.tmp")


def version_folder(data: Path, sha256: str) -> Path:
    """Where a version's files lie; named as the assignment is, which its loading asks for."""
    parent = data / "assignments" / sha256
    folders = [path for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []
    return folders[0] if folders else parent / "missing"


def bundle_path(data: Path, sha256: str) -> Path:
    """The zip that students get."""
    return data / "assignments" / sha256 / "bundle.zip"


def add_version(database: Database, data: Path, folder: Path) -> Version:
    """Take an assignment's folder in, as it is now.

    An assignment's checks are trusted code: whoever adds a version runs it with the service's
    rights. So this is for those who run the service.

    Raises:
        Invalid: It is not sound, or was not proved so by `grader verify`.
    """
    try:
        assignment = load_assignment(folder)
    except AssignmentInvalid as error:
        raise Invalid(str(error)) from error
    with database.reading() as session:
        known = session.scalar(select(Version).where(Version.sha256 == assignment.sha256))
    if known is not None:
        return known
    if (why_not := why_not_publishable(assignment)) is not None:
        raise Invalid(f"{assignment.slug} cannot be published. {why_not}")
    checks = _take_in(data, assignment)
    record = load_record(assignment)
    assert record is not None  # noqa: S101 - why_not_publishable has read it
    version = Version(
        slug=assignment.slug,
        label=assignment.version,
        sha256=assignment.sha256,
        title=assignment.title,
        module=assignment.interface.file,
        max_score=float(sum(assignment.points.values())),
        points={name: float(points) for name, points in assignment.points.items()},
        checks=checks,
        record={"seconds": asdict(record).get("seconds"), "proved": record.proved},
        device=assignment.runtime.device.value,
    )
    with database.writing() as session:
        session.add(version)
    return version


def _take_in(data: Path, assignment: Assignment) -> list[dict[str, object]]:
    """Copy the folder and make the students' zip; all of it is there or nothing."""
    home = data / "assignments"
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home, prefix="new-") as temporary:
        copy = Path(temporary) / "version"
        shutil.copytree(assignment.folder, copy / assignment.slug, ignore=_LEFT_OVER)
        if load_assignment(copy / assignment.slug).sha256 != assignment.sha256:
            raise Invalid(f"{assignment.folder} holds files that cannot be kept: hidden ones?")
        runner = RunnerProcess(silence_s=300)
        try:
            order = DescribeOrder(
                assignment=str(copy / assignment.slug), bundle=str(copy / "bundle.zip")
            )
            *_others, answer = runner.ask(order)
        finally:
            runner.close()
        if answer.kind != "description":
            raise Invalid(f"{assignment.slug} could not be read: {answer.body.get('message')}")
        target = home / assignment.sha256
        if not target.exists():
            copy.rename(target)
    checks: list[dict[str, object]] = answer.body["checks"]
    return checks
