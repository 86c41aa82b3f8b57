"""Backups that restore, and the removal of what is old."""

import os
import tarfile
from dataclasses import replace
from datetime import timedelta

import pytest

from web.courses.models import Act
from web.database import Database, now
from web.errors import Conflict, Invalid
from web.gradebook.models import Standing
from web.grading.models import Result
from web.operations.backup import back_up, remove_old, remove_unused, restore
from web.operations.housekeeping import keep_house
from web.storage import BlobStore
from web.submissions.models import Submission


def test_a_backup_of_a_running_service_restores_everything(
    service, hand_in, finish, tmp_path, settings
):
    submission = hand_in()
    finish(submission, 0)
    assert back_up(settings.data, tmp_path / "b.tar") > 0
    assert (tmp_path / "b.tar").stat().st_mode & 0o077 == 0
    restore(tmp_path / "b.tar", tmp_path / "new")
    database = Database(replace(settings, data=tmp_path / "new").url)
    with database.reading() as rows:
        kept = rows.query(Submission).one()
        assert rows.query(Result).one().score == 6.0
    database.close()
    assert BlobStore(tmp_path / "new" / "blobs").get(kept.archive)
    key = (settings.data / "secret-key").read_text()
    assert (tmp_path / "new" / "secret-key").read_text() == key


def test_nothing_is_ever_overwritten(service, settings, tmp_path):
    back_up(settings.data, tmp_path / "b.tar")
    with pytest.raises(Conflict, match="exists"):
        back_up(settings.data, tmp_path / "b.tar")
    with pytest.raises(Conflict, match="not empty"):
        restore(tmp_path / "b.tar", settings.data)


def test_what_is_no_backup_leaves_no_folder(service, settings, tmp_path):
    (tmp_path / "text").write_text("hello")
    with tarfile.open(tmp_path / "other.tar", "w") as archive:
        archive.add(tmp_path / "text", "text")
    back_up(settings.data, tmp_path / "whole.tar")
    (tmp_path / "half.tar").write_bytes((tmp_path / "whole.tar").read_bytes()[:30000])
    for name in ("text", "other.tar", "half.tar"):
        with pytest.raises(Invalid):
            restore(tmp_path / name, tmp_path / "new")
        assert not (tmp_path / "new").exists()


def test_names_that_lead_out_of_the_folder_are_refused(tmp_path):
    (tmp_path / "text").write_text("hello")
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        archive.add(tmp_path / "text", "../escaped")
    with pytest.raises(Invalid):
        restore(tmp_path / "bad.tar", tmp_path / "in" / "new")
    assert not (tmp_path / "in" / "escaped").exists()


def test_what_is_old_goes_with_all_that_was_found_about_it(
    service, hand_in, finish, course, settings
):
    old, young = hand_in("sam"), hand_in("tess", b"x = 1\n")
    for submission in (old, young):
        finish(submission, 0)
    with service.database.writing() as rows:
        rows.get(Submission, old.id).received_at = now() - timedelta(days=400)
    path = settings.data / "blobs" / old.archive[:2] / old.archive[2:4] / old.archive
    os.utime(path, (0, 0))
    assert remove_old(service.database, service.blobs, 365) == 1
    with service.database.reading() as rows:
        assert [row.id for row in rows.query(Submission)] == [young.id]
        assert rows.query(Result).one().submission_id == young.id
        standing = rows.get(Standing, (course.assignment_id, course.people["sam"].id))
    assert (standing.status, standing.score) == ("none", None)
    assert service.blobs.digests() == [young.archive]


def make_old(settings, digest):
    os.utime(settings.data / "blobs" / digest[:2] / digest[2:4] / digest, (0, 0))


def test_what_nobody_handed_in_is_removed_after_a_day(service, hand_in, settings):
    submission = hand_in()
    looked_at, fresh = service.blobs.put(b"looked at"), service.blobs.put(b"fresh")
    for digest in (submission.archive, looked_at):
        make_old(settings, digest)
    assert remove_unused(service.database, service.blobs) == 1
    assert service.blobs.digests() == sorted([submission.archive, fresh])


def test_what_is_stored_again_is_not_removed_any_more(service, settings):
    digest = service.blobs.put(b"looked at")
    make_old(settings, digest)
    assert service.blobs.put(b"looked at") == digest
    assert remove_unused(service.database, service.blobs) == 0
    assert service.blobs.get(digest) == b"looked at"


@pytest.mark.parametrize(("days", "left"), [(0, 2), (365, 1)])
def test_the_service_keeps_house_as_its_settings_say(service, hand_in, settings, days, left):
    old, _young = hand_in(), hand_in("tess", b"n = 2\n")
    with service.database.writing() as rows:
        rows.get(Submission, old.id).received_at = now() - timedelta(days=400)
    keep_house(replace(settings, keep_days=days), service.database, service.blobs)
    with service.database.reading() as rows:
        assert rows.query(Submission).count() == left
        assert rows.query(Act).filter_by(verb="remove old").count() == 2 - left
