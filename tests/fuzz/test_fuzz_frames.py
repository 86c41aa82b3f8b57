"""Hostile frames of every make: whatever the bytes, a value within the bounds or a refusal."""

import os
import random
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.sandbox.agent import values, wire
from tests.fuzz import frames, run, seed_frames, throughput
from tests.fuzz.corpus import read_corpus
from tests.fuzz.mutate_frames import WORDS, mutate
from tests.raw_frames import raw_frame

FUZZ = settings(
    deadline=None,
    derandomize=os.environ.get("CI") == "true",
    database=None,
    max_examples=1400,
    suppress_health_check=list(HealthCheck),
)
CORPUS = read_corpus("frames")

counts = st.integers(0, 5) | st.sampled_from(WORDS).map(lambda word: int.from_bytes(word, "little"))


def packed(layout, numbers):
    size = struct.calcsize("<" + layout) * 8
    return numbers.map(lambda number: struct.pack("<" + layout, number % 2**size))


codes = st.integers(0, len(wire.DTYPES) - 1) | st.integers(0, 255)
sizes = st.lists(counts, max_size=4) | st.lists(counts, max_size=9)


def array_value(code, shape, honest, ndim, tag, tail):
    """An announced array; `honest` about how many axes it has, or not."""
    ndim = len(shape) if honest else ndim
    shape = b"".join(struct.pack("<Q", size % 2**64) for size in shape)
    return tag + bytes([code, ndim]) + shape + tail


def several(inner):
    """A tuple that announces how many values it has, or another number."""

    def join(items, lie):
        return struct.pack("<cH", b"t", len(items) if lie is None else lie) + b"".join(items)

    lies = st.none() | st.none() | st.integers(0, 2**16 - 1)
    return st.builds(join, st.lists(inner, max_size=5), lies)


leaves = st.one_of(
    st.sampled_from([b"N", b"T", b"F"]),
    st.builds(bytes.__add__, st.sampled_from([b"i", b"d"]), st.binary(min_size=8, max_size=8)),
    st.builds(
        lambda tag, length, text: tag + (length or struct.pack("<I", len(text))) + text,
        st.sampled_from([b"s", b"b"]),
        st.none() | packed("I", counts),
        st.binary(max_size=12),
    ),
    st.builds(bytes.__add__, st.just(b"h"), packed("I", counts)),
    st.builds(
        array_value,
        codes,
        sizes,
        st.booleans(),
        st.integers(0, 255),
        st.sampled_from([b"a", b"a", b"v"]),
        st.just(b"") | st.binary(max_size=6),
    ),
    st.binary(max_size=6),
)
raw_values = st.recursive(leaves, several, max_leaves=12)

header_lies = st.fixed_dictionaries(
    {},
    optional={
        "magic": st.binary(min_size=4, max_size=4),
        "version": st.integers(0, 255),
        "flags": st.integers(0, 2**16 - 1),
        "request": st.integers(0, 2**64 - 1),
        "value_bytes": counts.map(lambda count: count % 2**32),
        "data_bytes": counts.map(lambda count: count % 2**64),
    },
)
kinds = st.sampled_from([*wire.REPLIES] * 3 + [*range(40), 255])


@pytest.mark.parametrize("name", CORPUS)
def test_each_kept_frame_is_taken_or_refused_as_its_name_says(name):
    assert bool(frames.check(CORPUS[name]).accepted) == name.startswith("accepted-")


def test_the_kept_frames_are_what_the_seeds_make():
    made = seed_frames.seeds()
    assert {name: CORPUS.get(name) for name in made} == made


def test_answers_are_taken_under_the_bounds_that_expect_them_only():
    seeds = {name: frames.check(content).accepted for name, content in CORPUS.items()}
    assert seeds["accepted-none"] == {"nothing", "complaint", "data"}
    assert seeds["accepted-tuple-nested"] == {"data"}
    assert seeds["accepted-array-float32"] == {"data"}
    assert seeds["accepted-exception"] == {"nothing", "complaint", "data"}


@pytest.mark.fuzz
@FUZZ
@given(raw_values, st.binary(max_size=40), kinds, header_lies | st.just({}))
def test_a_frame_of_hostile_parts_is_within_its_bounds_or_refused(value, data, kind, lies):
    frames.check(raw_frame(value, data, kind=kind, **lies))


@pytest.mark.fuzz
@FUZZ
@given(st.sampled_from(sorted(CORPUS.values())), st.integers(0, 2**32), st.integers(1, 4))
def test_a_mutated_frame_is_within_its_bounds_or_refused(content, seed, times):
    draw = random.Random(seed)
    for _ in range(times):
        content = mutate(content, draw)
    frames.check(content)


@pytest.mark.fuzz
@FUZZ
@given(st.sampled_from([b"", wire.MAGIC, raw_frame(b"")]), st.binary(max_size=200))
def test_garbage_is_refused_or_within_its_bounds(start, rest):
    frames.check(start + rest)


def test_many_frames_are_read_in_little_memory_and_the_sums_add_up(tmp_path):
    file = tmp_path / "sums.json"
    first = throughput.run(4000, seed=1, sums=file)
    assert first.frames == first.accepted + first.malformed + first.ended == 4000
    assert first.accepted > 100
    assert first.malformed > 200
    assert first.ended > 20
    assert first.buffers > 0
    assert 0 < first.peak <= first.bound
    both = throughput.run(1000, seed=2, sums=file)
    assert both.frames == both.accepted + both.malformed + both.ended == 5000
    assert "frames      5,000" in both.lines()


def test_the_same_seed_reads_the_same_frames():
    first, again, other = (throughput.read_many(1000, seed) for seed in (3, 3, 4))
    assert (first.accepted, first.malformed) == (again.accepted, again.malformed)
    assert (first.accepted, first.malformed) != (other.accepted, other.malformed)


@pytest.mark.fuzz
def test_atheris_finds_nothing(guided):
    result = guided("frames", 20_000)
    assert result.returncode == 0, result.stderr[-3000:]
    assert "stat::number_of_executed_units: 20000" in result.stderr


def unchecked_array(receive, spec):
    """What would let a student's truth values be of any sort."""
    array = np.empty(spec.shape, spec.dtype)
    if spec.nbytes:
        receive(array.reshape(-1).view(np.uint8).data)
    return array


def greedy_array(receive, spec):
    """What would take memory that nobody announced."""
    np.empty(4 << 20, np.uint8)
    return receive_array(receive, spec)


receive_array = wire._receive_array


def test_a_reader_that_skips_a_check_is_caught(monkeypatch, tmp_path):
    monkeypatch.setattr(wire, "_receive_array", unchecked_array)
    with pytest.raises(frames.Broken, match="truth value"):
        frames.check(CORPUS["refused-bool-2"])
    with pytest.raises(throughput.Found) as found:
        throughput.read_many(100_000, seed=1)
    assert "truth value" in found.value.how
    file = tmp_path / "crash"
    file.write_bytes(found.value.content)
    with pytest.raises(frames.Broken, match="truth value"):
        run.replay("frames", [file])


def test_a_reader_that_takes_too_much_is_caught(monkeypatch):
    monkeypatch.setattr(wire, "_receive_array", greedy_array)
    with pytest.raises(frames.Broken, match="allocated"):
        frames.check(CORPUS["accepted-array-float32"])


def test_a_reader_that_raises_something_else_is_caught(monkeypatch):
    monkeypatch.setitem(values._READERS, b"i", lambda reader, _depth: reader._unpack(b"q"))
    with pytest.raises(AttributeError):
        frames.check(CORPUS["accepted-int"])
