"""Frames to start from: valid ones of every kind, and hostile ones made by hand."""

import struct

import numpy as np

from grader.sandbox.agent import wire
from tests.raw_frames import frame, raw_frame

ROWS = {
    dtype.name: np.frombuffer(bytes([0, 1] * 24), dtype).reshape(1, -1) for dtype in wire.DTYPES
}


def announced(dtype, *sizes, tag=b"a"):
    code = [each.name for each in wire.DTYPES].index(dtype)
    return struct.pack(f"<cBB{len(sizes)}Q", tag, code, len(sizes), *sizes)


def seeds():
    """Content by name. A name starts with `accepted` where the client takes it for an answer."""
    accepted = {
        **{f"array-{name}": frame(array) for name, array in ROWS.items()},
        **{f"array-{ndim}-axes": frame(np.ones((2,) * ndim, "f4")) for ndim in (0, 3, 8)},
        "array-empty": frame(np.zeros((2, 0, 3))),
        "array-empty-and-vast": raw_frame(announced("complex128", 0, 2**24, 2**24)),
        "arrays-16": frame(tuple(np.full(1, k, "u1") for k in range(16))),
        "array-at-the-limit": raw_frame(announced("uint8", 1 << 16), bytes(1 << 16)),
        "none": frame(None),
        "true": frame(True),
        "false": frame(False),
        "int": frame(-(2**63)),
        "float": frame(0.5),
        "float-nan": raw_frame(b"d" + b"\1\0\0\0\0\0\xf0\x7f"),
        "tuple-empty": frame(()),
        "tuple-nested": frame((1, (2.0, (None, (True, (np.ones(2),)))))),
        "tuple-63": frame((None,) * 63),
        "exception": frame(("ValueError", "no"), wire.Kind.EXCEPTION),
        "exception-odd-text": raw_frame(
            b"t\2\0s\3\0\0\0\xff\xfe\x80b\0\0\0\0", kind=wire.Kind.EXCEPTION
        ),
        "exception-long": frame(("E", "\U0001f600" * 2290), wire.Kind.EXCEPTION),
        "unsupported": frame(("a value of type list",), wire.Kind.UNSUPPORTED),
    }
    deep = b"t\1\0"
    refused = {
        "empty": b"",
        "half-a-header": raw_frame(b"N")[:20],
        "half-a-value": frame((1, 2, 3))[:-5],
        "half-the-data": frame(np.ones(9))[:-9],
        "wrong-magic": raw_frame(b"N", magic=b"HTTP"),
        "wrong-version": raw_frame(b"N", version=2),
        "flags": raw_frame(b"N", flags=1),
        "a-request": frame((), wire.Kind.CALL),
        "kind-0": raw_frame(b"N", kind=0),
        "kind-255": raw_frame(b"N", kind=255),
        "value-2-32": raw_frame(b"N", value_bytes=2**32 - 1),
        "value-9217": raw_frame(b"N" * 9217),
        "value-0": raw_frame(b""),
        "data-2-63": raw_frame(b"N", data_bytes=2**63),
        "data-2-64": raw_frame(b"N", data_bytes=2**64 - 1),
        "data-for-nothing": raw_frame(b"N", b"x" * 9),
        "value-unknown": raw_frame(b"?"),
        "values-two": raw_frame(b"NN"),
        "text-2-32": raw_frame(b"s\xff\xff\xff\xff"),
        "text": raw_frame(b"s\1\0\0\0a", kind=wire.Kind.UNSUPPORTED)[:-1],
        "handle": frame(wire.Handle(0)),
        "handle-in-a-complaint": frame((wire.Handle(0),), wire.Kind.EXCEPTION),
        "array-in-a-complaint": frame((np.ones(1),), wire.Kind.EXCEPTION),
        "complaint-of-four": frame(("", "", "", ""), wire.Kind.EXCEPTION),
        "tuple-65535": raw_frame(b"t\xff\xff"),
        "tuple-64": frame((None,) * 64),
        "tuples-of-tuples": raw_frame(b"t\x3f\0" + b"t\x3f\0" * 63),
        "deep-1000": raw_frame(deep * 1000 + b"N"),
        "deep-6": raw_frame(deep * 6 + b"N"),
        "array-2-63": raw_frame(announced("float32", 2**63)),
        "array-overflows-to-0": raw_frame(announced("float64", 2**32, 2**32)),
        "array-overflows-to-8": raw_frame(announced("float64", 2**61 + 1), bytes(8)),
        "array-0-hides-2-64": raw_frame(announced("uint8", 0, 2**63, 2)),
        "array-dims-1000": raw_frame(struct.pack("<cBB", b"a", 1, 255) + bytes([1] * 1000)),
        "array-9-axes": raw_frame(announced("uint8", *[1] * 9), b"x"),
        "array-dtype-255": raw_frame(b"a\xff\1" + struct.pack("<Q", 1), b"x"),
        "array-shape-cut-off": raw_frame(announced("uint8", 1, 1)[:-3]),
        "array-less-than-data": raw_frame(announced("uint8", 1), b"xx"),
        "array-more-than-data": raw_frame(announced("uint8", 1 << 20)),
        "array-over-the-limit": raw_frame(
            announced("uint8", (1 << 20) + 1), data_bytes=(1 << 20) + 1
        ),
        "array-short-of-data": raw_frame(announced("uint8", 1 << 20), data_bytes=1 << 20),
        "arrays-17": frame(tuple(np.full(1, k, "u1") for k in range(17))),
        "arrays-over-in-sum": raw_frame(
            b"t\2\0" + announced("uint8", 1 << 20) + announced("uint8", 1), data_bytes=1 << 20
        ),
        "bool-2": raw_frame(announced("bool", 3), b"\0\1\2"),
        "bool-255": raw_frame(announced("bool"), b"\xff"),
        "layout": frame(np.ones((2, 3)).T, layouts=True),
        "layout-readonly": raw_frame(announced("uint8", 1, tag=b"v") + b"\1\0\1", b"x"),
        "layout-order": raw_frame(announced("uint8", 1, tag=b"v") + b"\0\7\1", b"x"),
    }
    return {
        **{f"accepted-{name}": content for name, content in accepted.items()},
        **{f"refused-{name}": content for name, content in refused.items()},
    }
