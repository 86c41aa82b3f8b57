"""User numbers for sandboxes, one each: the kernel keeps some limits per user."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from grader.errors import InfrastructureFault

_FIRST = 1_900_000_000  # a range that systemd's table of users leaves unused
_COUNT = 1024


@dataclass(frozen=True)
class SandboxUid:
    """A user and group number that no other sandbox of this machine has.

    Attributes:
        number: The user and group number.
        lock: Holds it; the kernel lets go of it when this process ends.
    """

    number: int
    lock: IO[bytes]

    @classmethod
    def claim(cls, folder: Path) -> "SandboxUid":
        """Take a free one.

        Args:
            folder: Where the locks lie, one file each; made where missing.

        Raises:
            InfrastructureFault: All are in use.
        """
        folder.mkdir(exist_ok=True)
        for number in range(_FIRST, _FIRST + _COUNT):
            lock = os.fdopen(os.open(folder / str(number), os.O_WRONLY | os.O_CREAT, 0o600), "wb")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
            else:
                return cls(number, lock)
        raise InfrastructureFault(f"{_COUNT} sandboxes run on this machine: try again later.")

    def release(self) -> None:
        """Give it back. May be called again."""
        self.lock.close()
