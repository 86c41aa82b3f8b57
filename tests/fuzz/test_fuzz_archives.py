"""Hostile archives of every make: whatever the bytes, a submission within the bounds, or none."""

import os
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader import submission
from grader.intake import Intake
from tests.fuzz import archives, seed_archives
from tests.fuzz.build_archives import (
    COMPRESSORS,
    DEFLATED,
    END_OF_TAR,
    STORED,
    block,
    entry,
    padded,
    pax,
    zipped,
)
from tests.fuzz.corpus import read_corpus
from tests.fuzz.mutate_archives import KINDS, NAMES, RECORDS, SIZES, mutate

FUZZ = settings(
    deadline=None,
    derandomize=os.environ.get("CI") == "true",
    database=None,
    max_examples=700,
    suppress_health_check=list(HealthCheck),
)
CORPUS = read_corpus("archives")

names = st.sampled_from([*NAMES, b"b.py", b"c/d.py", b"e/f.md"]) | st.binary(max_size=12)
contents = st.binary(max_size=40) | st.sampled_from([b"", bytes(3000), bytes(2_000_000)])
small_or_vast = st.integers(0, 100) | st.sampled_from([2**16, 2**31, 2**32 - 1])
lies = st.fixed_dictionaries(
    {},
    optional={
        "name": names,
        "method": st.sampled_from([STORED, DEFLATED, 12, 14, 99]),
        "flags": st.sampled_from([0, 1, 8, 0x40, 0x800, 0x2000]),
        "crc": small_or_vast,
        "packed": small_or_vast,
        "size": small_or_vast,
    },
)
modes = st.sampled_from([0, 0, 0, 0o100644, 0o120777, 0o040755, 0o010644])
entries = st.builds(
    lambda name, content, method, flags, mode, extra, lies: entry(
        name, content, method=method, flags=flags, mode=mode, extra=extra, lies=lies
    ),
    names,
    contents,
    st.sampled_from([STORED, DEFLATED]),
    st.sampled_from([0, 0, 0, 8, 0x800]),
    modes,
    st.just(b"") | st.binary(max_size=9),
    st.just({}) | st.just({}) | lies,
)
zips = st.builds(
    lambda entries, between, comment, end: zipped(
        *entries, between=between, comment=comment, **end
    ),
    st.lists(entries, max_size=5),
    st.just(b"") | st.binary(max_size=5),
    st.just(b"") | st.binary(max_size=5),
    st.just({})
    | st.fixed_dictionaries(
        {},
        optional={
            "disk": st.integers(0, 2),
            "count": st.integers(0, 2**16 - 1),
            "size": small_or_vast,
            "start": small_or_vast,
        },
    ),
)


def honest_item(name, kind, content, prefix):
    header = block(name=name, kind=kind, prefix=prefix, length=len(content))
    return header + padded(content)


kinds = st.sampled_from([bytes([kind]) for kind in KINDS])
items = st.one_of(
    st.builds(
        honest_item, names, st.just(b"0") | kinds, contents, st.sampled_from([b"", b"", *NAMES])
    ),
    st.builds(
        lambda name, kind, size, magic: block(name=name, kind=kind, size=size, magic=magic),
        names,
        kinds,
        st.sampled_from(SIZES) | st.binary(max_size=12),
        st.sampled_from([b"ustar\x0000", b"ustar  \0", bytes(8)]),
    ),
    st.lists(st.sampled_from(RECORDS) | st.binary(max_size=9), max_size=3).map(
        lambda records: pax(*records)
    ),
    st.binary(max_size=600).map(padded),
)
tars = st.builds(
    lambda items, end: b"".join(items) + end,
    st.lists(items, max_size=6),
    st.sampled_from([END_OF_TAR, END_OF_TAR, b"", bytes(512), END_OF_TAR + b"x"]),
)


@pytest.mark.parametrize("name", CORPUS)
def test_each_kept_archive_is_taken_or_refused_as_its_name_says(name):
    accepted = "default" in archives.check(CORPUS[name]).accepted
    assert accepted == name.startswith("accepted-")


def test_each_seed_is_kept():
    assert set(seed_archives.seeds()) <= set(CORPUS)


@pytest.mark.fuzz
@FUZZ
@given(zips)
def test_a_zip_of_hostile_parts_is_within_its_bounds_or_refused(content):
    archives.check(content)


@pytest.mark.fuzz
@FUZZ
@given(tars, st.sampled_from([bytes, bytes, *COMPRESSORS.values()]))
def test_a_tar_of_hostile_parts_is_within_its_bounds_or_refused(content, compress):
    archives.check(compress(content))


@pytest.mark.fuzz
@FUZZ
@given(st.sampled_from(sorted(CORPUS.values())), st.integers(0, 2**32), st.integers(1, 3))
def test_a_mutated_archive_is_within_its_bounds_or_refused(content, seed, times):
    draw = random.Random(seed)
    for _ in range(times):
        content = mutate(content, draw)
    archives.check(content)


@pytest.mark.fuzz
def test_atheris_finds_nothing(guided):
    result = guided("archives", 2000)
    assert result.returncode == 0, result.stderr[-3000:]
    assert "stat::number_of_executed_units: 2000" in result.stderr


class Lenient(Intake):
    """What would let a name lead elsewhere."""

    def admit(self, name):
        super().admit("a.py")
        return name


class Hoarding(Intake):
    """What would take memory without bound."""

    def take(self, name, chunks):
        chunks = [*chunks, bytearray(64 << 20)]
        super().take(name, [])


def test_a_reader_that_skips_a_check_is_caught(monkeypatch):
    monkeypatch.setattr(archives, "Intake", Lenient)
    with pytest.raises(archives.Broken, match="the name"):
        archives.check(CORPUS["refused-zip-slip-backslash"])


def test_a_reader_that_takes_too_much_is_caught(monkeypatch):
    monkeypatch.setattr(archives, "Intake", Hoarding)
    with pytest.raises(archives.Broken, match="allocated"):
        archives.check(CORPUS["accepted-zip"])


def test_a_reader_that_raises_something_else_is_caught(monkeypatch):
    monkeypatch.setattr(submission, "_read_archive", lambda *_: {}["no such key"])
    with pytest.raises(KeyError):
        archives.check(CORPUS["accepted-zip"])
