"""One duel at a time on one machine, and on one GPU."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def lease(resource: str) -> Iterator[None]:
    """Hold a resource of this machine alone; waits until whoever has it is done.

    The kernel ends the lease with its process, whatever happens to that.

    Args:
        resource: `cpu`, or a GPU's identifier.
    """
    name = "".join(c if c.isalnum() else "-" for c in resource)
    path = Path(tempfile.gettempdir()) / f"onebyone-{os.geteuid()}-{name}.lease"
    # Not through a link that somebody else may have put there.
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
