"""A job is read with care, whoever sent it."""

import pytest

from grader.worker.jobs import NotAJob, job_of

FIELDS = {
    "token": "t",
    "receipt": "k7m2xwq9ab",
    "trace": "4bf92f3577b34da6a3ce929d0e0e4736",
    "archive_url": "http://h/a",
    "archive_sha256": "0" * 64,
    "assignment_url": "http://h/b",
    "assignment_sha256": "0" * 64,
    "seed": 1,
}


def test_a_job_is_read():
    assert job_of(FIELDS).trace == FIELDS["trace"]


@pytest.mark.parametrize(
    "trace",
    ["", "0" * 32, "4BF92F3577B34DA6A3CE929D0E0E4736", "4bf9", FIELDS["trace"] + "\n", 7, None],
)
def test_a_trace_that_is_none_is_refused(trace):
    with pytest.raises(NotAJob, match="trace"):
        job_of({**FIELDS, "trace": trace})


@pytest.mark.parametrize("receipt", ["", "a" * 41, "a b", "a\nreported trace=x", "É", 7, None])
def test_a_receipt_that_is_none_never_reaches_a_log(receipt):
    with pytest.raises(NotAJob, match="receipt"):
        job_of({**FIELDS, "receipt": receipt})


def test_a_field_too_few_or_too_many_is_refused():
    with pytest.raises(NotAJob, match="fields"):
        job_of({name: value for name, value in FIELDS.items() if name != "trace"})
    with pytest.raises(NotAJob, match="fields"):
        job_of({**FIELDS, "more": 1})
