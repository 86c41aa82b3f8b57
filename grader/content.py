"""Content addresses: one hash for the same files, however they came."""

import hashlib
from collections.abc import Iterable, Iterator


def content_sha256(kind: str, files: Iterable[tuple[str, bytes]]) -> str:
    """SHA-256 over names and contents, each preceded by its length: no two lists run together.

    Args:
        kind: What the files are; the same files of another kind get another hash.
        files: Relative names with `/` between the parts, and contents; in sorted order.
    """
    digest = hashlib.sha256()
    for part in _parts(f"onebyone {kind} 1", files):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def _parts(title: str, files: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    yield title.encode()
    for name, content in files:
        yield name.encode("utf-8", "surrogateescape")
        yield content
