"""Memory that the trusted end writes and a sandbox only reads.

What lies in it crosses without a copy, and can be put there while every process of the sandbox
is stopped: nothing in it can be looked at before the sandbox goes on.
"""

import fcntl
import os
from pathlib import Path

import numpy as np

from grader.sandbox.agent.wire import Array

INBOX_BYTES = 64 << 20
"""Room in an inbox; memory is used only for what is written."""

ALIGNMENT = 4096
"""Arrays begin at multiples of it: a page of their own."""


class Inbox:
    """The writing end. It is made empty.

    Args:
        path: A new file in a folder that the sandbox sees but cannot write to; None for memory
            without a name, which is handed over as `reader()`.
    """

    def __init__(self, path: Path | None = None) -> None:
        if path is None:
            self._file = os.memfd_create("inbox", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        else:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        self._open = True
        os.fchmod(self._file, 0o444)
        os.ftruncate(self._file, INBOX_BYTES)
        if path is None:
            seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
            fcntl.fcntl(self._file, fcntl.F_ADD_SEALS, seals)

    def reader(self) -> int:
        """A descriptor that can only be read from; the caller closes it."""
        return os.open(f"/proc/self/fd/{self._file}", os.O_RDONLY | os.O_CLOEXEC)

    def write(self, offset: int, array: Array) -> None:
        """Put an array's elements there, in C order.

        Raises:
            ValueError: It does not fit.
        """
        data = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
        if offset < 0 or offset + data.nbytes > INBOX_BYTES:
            raise ValueError(f"{data.nbytes} bytes at {offset} are beyond {INBOX_BYTES}")
        while data:
            count = os.pwrite(self._file, data, offset)
            data, offset = data[count:], offset + count

    def close(self) -> None:
        """Let go of it. May be called again."""
        if self._open:
            self._open = False
            os.close(self._file)
