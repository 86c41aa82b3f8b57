"""The agent's process: two sockets, one loop, one reply per request."""

import io
import os
import socket
import sys
from typing import Protocol

from . import wire
from .objects import Objects

_REQUEST = wire.Bounds(
    kinds=wire.REQUESTS,
    value_bytes=64 << 20,
    data_bytes=1 << 40,
    arrays=1 << 16,
    items=1 << 20,
    text=True,
    handles=True,
    layouts=True,
)
"""Requests come from the trusted side; its own limits bound them."""

_BUFFER_BYTES = 64 << 10


def main(channel: str, output: str, scratch: str, inbox: str) -> None:
    """Serve requests until the end of the stream.

    Args:
        channel: `fd:N`, `unix:PATH`, or `stdio:` for standard input and output.
        output: The same, or `stdio:` for standard error; takes what the process prints.
        scratch: Folder for the submission's files.
        inbox: `fd:N` or `file:PATH`; what the trusted end places.
    """
    line = _connect(channel)
    _redirect_output(output)
    stream = io.BufferedReader(line.reader(), _BUFFER_BYTES)
    objects = Objects(scratch, inbox)
    process = os.getpid()

    def receive(view: memoryview) -> None:
        while view:
            count = stream.readinto(view)
            if count == 0:
                raise EOFError
            view = view[count:]

    while True:
        try:
            header = wire.read_header(receive, _REQUEST)
            request = wire.read_value(receive, header, _REQUEST)
        except EOFError:
            return
        kind, value = objects.perform(header.kind, request)
        if os.getpid() != process:
            # The student's code forked and let the child return: there is one answer only.
            os._exit(0)
        _flush()
        try:
            frame = wire.write_frame(kind, header.request, header.nonce, value)
        except wire.UnsupportedType as error:
            kind = wire.Kind.UNSUPPORTED
            frame = wire.write_frame(kind, header.request, header.nonce, (str(error),))
        _send(line, frame)


class _Line(Protocol):
    """One end of the channel."""

    def reader(self) -> io.RawIOBase: ...

    def sendmsg(self, buffers: list[memoryview], /) -> int: ...


class _Socket(socket.socket):
    def reader(self) -> io.RawIOBase:
        return socket.SocketIO(self, "r")


class _StandardStreams:
    """What standard input and output were when the process started."""

    def __init__(self) -> None:
        self._input, self._output = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)

    def reader(self) -> io.RawIOBase:
        return io.FileIO(self._input, "r")

    def sendmsg(self, buffers: list[memoryview], /) -> int:
        return os.writev(self._output, buffers)


def _connect(address: str) -> _Line:
    return _StandardStreams() if address == "stdio:" else _socket(address)


def _socket(address: str) -> _Socket:
    scheme, _, rest = address.partition(":")
    if scheme == "fd":
        return _Socket(fileno=int(rest))
    line = _Socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.connect(rest)
    return line


def _redirect_output(address: str) -> None:
    """Whatever prints, prints to `address`; the channel is never standard output."""
    if address == "stdio:":
        os.dup2(2, 1)
    else:
        with _socket(address) as output:
            for descriptor in (1, 2):
                os.dup2(output.fileno(), descriptor)
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = open(number, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)


def _flush() -> None:
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except Exception:  # noqa: S110 - the student may have put anything there
        pass


def _send(line: _Line, buffers: list[memoryview]) -> None:
    while buffers:
        wire.drop_sent(buffers, line.sendmsg(buffers[: wire.MAX_BUFFERS]))
