"""Files by their content's SHA-256: written once, never changed, checked when they are read."""

import fcntl
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SHA256 = re.compile(r"[0-9a-f]{64}")


class BlobMissing(Exception):
    """What should be stored is not, or is not what it was."""


class BlobStore:
    """A folder of blobs, `ab/cd/<sha256>`.

    Args:
        folder: Made where it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lasting: set[str] = set()  # folders in it whose names are on disk for good
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, content: bytes) -> str:
        """Store; on disk for good when this returns.

        Returns:
            The SHA-256, in hexadecimal digits.

        Raises:
            OSError: The disk is full, or cannot be written.
        """
        digest = hashlib.sha256(content).hexdigest()
        path = self._path(digest)
        if path.exists() and self._keep(path):
            return digest
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix="new-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            with self._locked():
                Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        # The names on the way are as much needed as the bytes.
        _sync(path.parent)
        _sync(path.parent.parent)
        if digest[:2] not in self._lasting:
            _sync(self._folder)
            self._lasting.add(digest[:2])
        return digest

    def get(self, digest: str) -> bytes:
        """Read.

        Raises:
            BlobMissing: There is no such blob, or its content has changed.
        """
        try:
            content = self._path(digest).read_bytes()
        except OSError as error:
            raise BlobMissing(f"The stored file {digest[:12]} cannot be read: {error}") from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise BlobMissing(f"The stored file {digest[:12]} has changed: restore a backup.")
        return content

    def delete_older(self, digest: str, seconds: float) -> bool:
        """Remove what was last stored longer ago than that; whether it was.

        What is stored again meanwhile stays, whichever process stores it.
        """
        path = self._path(digest)
        with self._locked():
            try:
                if time.time() - path.stat().st_mtime <= seconds:
                    return False
                path.unlink()
            except FileNotFoundError:
                return False
        return True

    def digests(self) -> list[str]:
        """Of everything that is stored."""
        found = (path.name for path in self._folder.glob("??/??/*"))
        return sorted(name for name in found if _SHA256.fullmatch(name))

    def _keep(self, path: Path) -> bool:
        """Let it look as if it was stored now; False where it was deleted a moment ago."""
        with self._locked():
            try:
                os.utime(path)
            except FileNotFoundError:
                return False
        return True

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone in the folder, of all threads and processes."""
        with (self._folder / "lock").open("w", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _path(self, digest: str) -> Path:
        if not _SHA256.fullmatch(digest):
            raise ValueError("a digest is 64 hexadecimal digits")
        return self._folder / digest[:2] / digest[2:4] / digest


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
