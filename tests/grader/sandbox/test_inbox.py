"""Arrays that are placed: bounded on our side, read-only on theirs."""

import os

import numpy as np
import pytest

from grader.sandbox.inbox import INBOX_BYTES, Inbox


@pytest.fixture(params=["file", "memory"])
def inbox(request, tmp_path):
    made = Inbox(tmp_path / "inbox" if request.param == "file" else None)
    yield made
    made.close()


def read(inbox, count, offset):
    reader = inbox.reader()
    try:
        return os.pread(reader, count, offset)
    finally:
        os.close(reader)


def test_what_is_written_can_be_read_where_it_was_put(inbox):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    inbox.write(4096, array)
    assert read(inbox, 24, 4096) == array.tobytes()
    assert read(inbox, 8, 0) == bytes(8)


def test_an_array_in_another_layout_arrives_in_c_order(inbox):
    array = np.arange(6, dtype=np.int64).reshape(2, 3).T
    inbox.write(0, array)
    assert read(inbox, 48, 0) == np.ascontiguousarray(array).tobytes()


def test_an_empty_array_and_one_of_no_axes_are_arrays_too(inbox):
    inbox.write(0, np.zeros((0, 3)))
    inbox.write(8, np.float64(2.5))
    assert read(inbox, 8, 8) == np.float64(2.5).tobytes()


@pytest.mark.parametrize("offset", [-1, INBOX_BYTES - 7, INBOX_BYTES + 1])
def test_what_does_not_fit_is_refused(inbox, offset):
    with pytest.raises(ValueError, match="beyond"):
        inbox.write(offset, np.zeros(1))


def test_the_reading_end_cannot_write(inbox):
    reader = inbox.reader()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.write(reader, b"x")
    os.close(reader)


def test_nobody_can_shrink_the_nameless_one():
    inbox = Inbox()
    reader = inbox.reader()
    for size in (0, INBOX_BYTES * 2):
        with pytest.raises(OSError, match=r"not permitted|Invalid"):
            os.ftruncate(reader, size)
    os.close(reader)
    inbox.close()


def test_it_may_be_closed_again(inbox):
    inbox.close()
    inbox.close()
