"""Frames: what is written is read, and what was not written by us harms nobody."""

import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from grader.sandbox.agent import wire

from ...raw_frames import frame, raw_frame

EVERYTHING = wire.Bounds(
    kinds=frozenset(wire.Kind),
    value_bytes=1 << 20,
    data_bytes=1 << 20,
    items=1000,
    text=True,
    handles=True,
    layouts=True,
)
REPLY = wire.Bounds(kinds=wire.REPLIES, data_bytes=1 << 16)


class Stream:
    """Bytes that are read once, in order."""

    def __init__(self, content):
        self.content = bytes(content)
        self.at = 0

    def receive(self, view):
        piece = self.content[self.at : self.at + len(view)]
        if len(piece) < len(view):
            raise EOFError
        view[:] = piece
        self.at += len(view)


def read(content, bounds):
    stream = Stream(content)
    header = wire.read_header(stream.receive, bounds)
    return wire.read_value(stream.receive, header, bounds)


def announced_array(code, *shape):
    return struct.pack(f"<cBB{len(shape)}Q", b"a", code, len(shape), *shape)


def announced_view(code, *shape, readonly=0, order=None, steps=None):
    axes = zip(order or range(len(shape)), steps or [1] * len(shape), strict=True)
    layout = b"".join(struct.pack("<Bb", *axis) for axis in axes)
    return b"v" + announced_array(code, *shape)[1:] + bytes([readonly]) + layout


F4 = wire.DTYPES.index(np.dtype("f4"))

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.binary(max_size=20),
    st.integers(0, 2**32 - 1).map(wire.Handle),
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4).map(tuple), max_leaves=8)


@given(values)
def test_values_come_back_as_they_were(value):
    try:
        content = frame(value)
    except wire.UnsupportedType:
        return  # nested too deeply, which is told before anything is sent
    assert read(content, EVERYTHING) == value


@given(
    npst.arrays(
        dtype=st.sampled_from(wire.DTYPES),
        shape=npst.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4),
    ),
    st.data(),
)
def test_arrays_come_back_with_their_layout(array, data):
    axes = data.draw(st.permutations(range(array.ndim)))
    steps = [data.draw(st.sampled_from([1, -1, 2, -2])) for _ in axes]
    array = array.transpose(axes)[tuple(slice(None, None, step) for step in steps)]

    back = read(frame((array,), layouts=True), EVERYTHING)[0]

    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)
    if array.size:
        for flag in ("C_CONTIGUOUS", "F_CONTIGUOUS"):
            assert back.flags[flag] == array.flags[flag]
        long = [axis for axis in range(array.ndim) if array.shape[axis] > 1]
        assert [np.sign(back.strides[k]) for k in long] == [np.sign(array.strides[k]) for k in long]


def test_read_only_arrays_stay_read_only():
    array = np.ones(3)
    array.flags.writeable = False
    assert not read(frame((array,), layouts=True), EVERYTHING)[0].flags.writeable
    assert read(frame((array,)), REPLY)[0].flags.writeable


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"magic": b"HTTP"}, "not a frame"),
        ({"version": 2}, "not a frame"),
        ({"flags": 1}, "not a frame"),
        ({"kind": wire.Kind.LOAD}, "not expected"),
        ({"kind": 255}, "not expected"),
        ({"value_bytes": 2**32 - 1}, "announces"),
        ({"data_bytes": 2**63}, "announces"),
        ({"data_bytes": 2**31}, "announces"),
    ],
)
def test_a_forged_header_is_refused(changes, complaint):
    with pytest.raises(wire.MalformedFrame, match=complaint):
        read(raw_frame(b"N", **changes), REPLY)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (b"", "ends early"),
        (b"?", "unknown"),
        (b"NN", "bytes after"),
        (b"i\x00", "ends early"),
        (b"s\xff\xff\xff\xff", "text is not accepted"),
        (b"b\x01\x00\x00\x00a", "text is not accepted"),
        (b"h\x01\x00\x00\x00", "handle is not accepted"),
        (b"t\xff\xff", "too many"),
        (b"t\x01\x00" * 10 + b"N", "nested"),
        (b"t\x28\x00" + b"t\x28\x00" * 40, "too many"),
        (announced_array(200, 1), "no known kind"),
        (announced_array(F4, *[1] * 9), "no known kind"),
        (announced_array(F4, 400_000, 400_000), "larger"),
        (announced_array(F4, 2**63, 2), "impossible"),
        (announced_array(F4, 2**63, 0), "impossible"),
        (announced_array(F4, 0, 2**40, 2**40, 2**40), "impossible"),
        (announced_array(F4, 3), "do not add up"),
        (announced_view(F4, 1, steps=[-2]), "C order"),
        (announced_view(F4, 1, readonly=1), "C order"),
    ],
)
def test_a_forged_value_is_refused(value, complaint):
    with pytest.raises(wire.MalformedFrame, match=complaint):
        read(raw_frame(value), REPLY)


@pytest.mark.parametrize(
    "layout", [{"order": [0, 0]}, {"order": [0, 9]}, {"steps": [3, 1]}, {"steps": [0, 1]}]
)
def test_a_forged_layout_is_refused(layout):
    with pytest.raises(wire.MalformedFrame, match="layout"):
        read(raw_frame(announced_view(F4, 1, 1, **layout), bytes(4)), EVERYTHING)


def test_a_truth_value_is_nought_or_one():
    with pytest.raises(wire.MalformedFrame, match="truth"):
        read(raw_frame(announced_array(0, 1), b"\x02"), REPLY)


def test_a_reply_that_announces_too_much_allocates_nothing():
    huge = announced_array(F4, 1 << 28)
    tracemalloc.start()
    for changes in ({"data_bytes": 1 << 30}, {}):
        with pytest.raises(wire.MalformedFrame):
            read(raw_frame(huge, **changes), REPLY)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


@given(st.binary(max_size=200))
def test_garbage_is_malformed_or_ends(content):
    with pytest.raises((wire.MalformedFrame, EOFError)):
        read(content, REPLY)


@given(st.binary(max_size=200), st.binary(max_size=64))
def test_garbage_behind_a_good_header_is_a_bounded_value_or_malformed(value, data):
    try:
        result = read(raw_frame(value, data), REPLY)
    except wire.MalformedFrame:
        return
    assert result is None or isinstance(result, bool | int | float | tuple | np.ndarray)


@pytest.mark.parametrize(
    "value",
    [
        2**63,
        np.array(["a"]),
        np.array([object()]),
        np.zeros(2, ">f4"),
        [1],
        np.zeros((1,) * 9),
        (((((((),),),),),),),
    ],
)
def test_what_cannot_cross_says_so(value):
    with pytest.raises(wire.UnsupportedType):
        frame(value)


def test_what_was_sent_is_taken_off_across_buffers():
    buffers = [memoryview(bytes(range(k))) for k in (3, 2, 4)]
    left = list(buffers)
    wire.drop_sent(left, 0)
    assert left == buffers
    wire.drop_sent(left, 4)
    assert [bytes(each) for each in left] == [b"\1", b"\0\1\2\3"]
    wire.drop_sent(left, 5)
    assert left == []
