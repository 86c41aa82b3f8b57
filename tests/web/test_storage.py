"""Stored files: whole or not there, and checked when they are read."""

import errno
import os

import pytest

from web.storage import BlobMissing, BlobStore


@pytest.fixture
def blobs(tmp_path):
    return BlobStore(tmp_path / "blobs")


def test_what_is_stored_comes_back_by_its_digest(blobs):
    digest = blobs.put(b"content")
    assert blobs.put(b"content") == digest
    assert blobs.get(digest) == b"content"
    assert blobs.digests() == [digest]


def test_what_was_changed_on_disk_is_not_handed_out(blobs, tmp_path):
    digest = blobs.put(b"content")
    (tmp_path / "blobs" / digest[:2] / digest[2:4] / digest).write_bytes(b"forged!")
    with pytest.raises(BlobMissing, match="changed"):
        blobs.get(digest)
    blobs.delete_older(digest, -1)
    with pytest.raises(BlobMissing):
        blobs.get(digest)


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_only_a_digest_is_a_name(blobs, digest):
    with pytest.raises(ValueError, match="digest"):
        blobs.get(digest)


def test_a_full_disk_leaves_nothing_half_written(blobs, tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        blobs.put(b"content")
    left = {path.name for path in (tmp_path / "blobs").rglob("*") if path.is_file()}
    assert left <= {"lock"}
