"""The agent's channel, as any code in its process can find and use it."""

import gc
import socket
import struct
import sys

RESULT = 32
NOTHING = b"N"


def channel():
    """The socket that requests come from."""
    return next(o for o in gc.get_objects() if isinstance(o, socket.socket) and o.fileno() > 2)


def request():
    """Number and nonce of the request that is being answered."""
    frame = sys._getframe()
    while "header" not in frame.f_locals:
        frame = frame.f_back
    header = frame.f_locals["header"]
    return header.request, header.nonce


def header(number, nonce, value_bytes, data_bytes, kind=RESULT):
    return struct.pack("<4sBBHQ16sIQ", b"1x1\n", 1, kind, 0, number, nonce, value_bytes, data_bytes)


def frame(number, nonce, value, data=b"", kind=RESULT):
    return header(number, nonce, len(value), len(data), kind) + value + data


def array(*sizes, dtype=5):
    """An array as a frame's value announces it; 5 is float32."""
    return struct.pack(f"<cBB{len(sizes) % 256}Q", b"a", dtype, len(sizes) % 256, *sizes)


def answer(value, data=b""):
    """Send an answer to what is being asked, in place of the agent's."""
    channel().sendall(frame(*request(), value, data))
