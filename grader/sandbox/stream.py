"""Bytes to and from a sandbox, each by an absolute deadline."""

import os
import socket
import time
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from grader.sandbox.agent import wire

Direction: TypeAlias = Literal["readable", "writable"]

_BUFFER_BYTES = 64 << 10
_SPIN_SECONDS = 0.0002


class Stream:
    """A non-blocking stream socket.

    Args:
        line: The socket.
        wait: Returns when the socket is readable or writable; raises TimeoutError at a
            `time.monotonic()` deadline. What else is to be looked after meanwhile is its matter.
    """

    def __init__(self, line: socket.socket, wait: Callable[[Direction, float], None]) -> None:
        line.setblocking(False)
        self._line = line
        self._wait = wait
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._pending = self._buffer[:0]

    def send(self, buffers: Sequence[memoryview], deadline: float) -> None:
        """Send all of it. Raises TimeoutError, or ConnectionError when the other end is gone."""
        left = list(buffers)
        while left:
            try:
                wire.drop_sent(left, self._line.sendmsg(left[: wire.MAX_BUFFERS]))
            except BlockingIOError:
                self._wait("writable", deadline)

    def receive(self, view: memoryview, deadline: float) -> None:
        """Fill all of `view`. Raises TimeoutError; EOFError or ConnectionError at the end."""
        count = min(len(view), len(self._pending))
        view[:count] = self._pending[:count]
        self._pending, view = self._pending[count:], view[count:]
        # Most calls answer at once: looking again is faster than being woken up.
        spin_until = time.monotonic() + _SPIN_SECONDS if view else 0.0
        while view:
            # What is large goes where it belongs, without a stop in the buffer.
            target = view if len(view) >= _BUFFER_BYTES else self._buffer
            try:
                received = self._line.recv_into(target)
            except BlockingIOError:
                if time.monotonic() < spin_until:
                    os.sched_yield()
                else:
                    self._wait("readable", deadline)
                continue
            if received == 0:
                raise EOFError
            count = min(len(view), received)
            if target is not view:
                view[:count] = self._buffer[:count]
                self._pending = self._buffer[count:received]
            view = view[count:]
