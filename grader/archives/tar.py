"""Tar files, also compressed: regular files and folders of the ustar, pax and GNU formats.

`tarfile` supports links, devices, sparse files and recursion through extension headers; this
supports none of it, and so has none of its surprises. The format is that of POSIX.1-2001 `pax`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from grader.archives.streams import (
    CHUNK,
    CorruptStream,
    decompressed,
    decompressor_for,
    pieces,
)
from grader.errors import SubmissionRefused
from grader.intake import Intake, SubmissionBounds
from grader.text import quoted

_BLOCK = 512
_EXTENSION_BYTES = 64 * 1024
_ALL_EXTENSIONS_BYTES = 16 * _EXTENSION_BYTES  # they come free of the bounds of files
_REGULAR, _FOLDER = (b"0", b"\0", b"7"), b"5"
_PAX, _PAX_GLOBAL, _GNU_NAME, _GNU_LINK = b"x", b"g", b"L", b"K"


def is_tar(data: bytes) -> bool:
    """Whether these bytes are to be read as a tar or as a compressed one."""
    return decompressor_for(data) is not None or data[257:262] == b"ustar"


def read_tar(data: bytes, intake: Intake) -> None:
    """Hand every file of a tar to `intake`.

    Raises:
        SubmissionRefused: It is damaged, holds anything but files and folders, or breaks a bound.
    """
    stream = _Stream(data, intake.bounds)
    extension = _Extension()
    while (block := stream.read(_BLOCK)) != bytes(_BLOCK):
        header = _header(block)
        if header.kind in (_PAX, _PAX_GLOBAL, _GNU_NAME, _GNU_LINK):
            extension = _extended(extension, header, stream)
            continue
        _read_entry(extension.applied_to(header), stream, intake)
        extension = _Extension()
    stream.drain()


@dataclass(frozen=True)
class _Header:
    name: str
    size: int
    kind: bytes


@dataclass(frozen=True)
class _Extension:
    """What extension headers say of the entry that follows them."""

    name: str | None = None
    size: int | None = None

    def applied_to(self, header: _Header) -> _Header:
        return _Header(
            header.name if self.name is None else self.name,
            header.size if self.size is None else self.size,
            header.kind,
        )


def _read_entry(header: _Header, stream: "_Stream", intake: Intake) -> None:
    name = intake.admit(header.name)
    is_regular = header.kind in _REGULAR
    if not is_regular and header.size:
        raise _damaged("something that is no file has content")
    if name is None:
        for _ in stream.padded(header.size):
            pass
    elif is_regular and not header.name.endswith("/"):
        intake.take(name, stream.padded(header.size))
    elif not is_regular and header.kind != _FOLDER:
        raise SubmissionRefused(
            f"The entry {quoted(header.name)} is a link or a special file: put a regular file in "
            f"its place."
        )
    elif header.size:
        raise _damaged("a folder has content")


def _header(block: bytes) -> _Header:
    checksum = sum(block[:148]) + 8 * ord(" ") + sum(block[156:])
    if _number(block[148:156]) != checksum:
        raise _damaged("a header is garbled")
    name = _text(block[:100])
    # GNU's own format has times where POSIX has the first part of the name.
    prefix = _text(block[345:500]) if block[257:263] == b"ustar\0" else ""
    return _Header(f"{prefix}/{name}" if prefix else name, _number(block[124:136]), block[156:157])


def _number(field: bytes) -> int:
    digits = field.strip(b" \0")
    if not digits.isdigit() or b"8" in digits or b"9" in digits:
        raise _damaged("a number is garbled")
    return int(digits, 8)


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _extended(extension: _Extension, header: _Header, stream: "_Stream") -> _Extension:
    body = b"".join(stream.extension(header.size))
    if header.kind == _GNU_NAME:
        return _Extension(_text(body), extension.size)
    if header.kind == _GNU_LINK:
        return extension
    records = _pax_records(body)
    if any(key.startswith(b"GNU.sparse") for key in records):
        raise _damaged("it holds a sparse file")
    if header.kind == _PAX_GLOBAL:
        if b"path" in records or b"size" in records:
            raise _damaged("it gives one name or size to many files")
        return extension
    name, size = extension.name, extension.size
    if b"path" in records:
        name = records[b"path"].decode("utf-8", "surrogateescape")
    if b"size" in records:
        if not (records[b"size"].isdigit() and len(records[b"size"]) <= 12):
            raise _damaged("a number is garbled")
        size = int(records[b"size"])
    return _Extension(name, size)


def _pax_records(body: bytes) -> dict[bytes, bytes]:
    """`length key=value newline`, where the length counts all of the record."""
    records, at = {}, 0
    while at < len(body):
        digits, space, _ = body[at : at + 8].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        record = body[at + len(digits) + 1 : at + length]
        key, equals, value = record[:-1].partition(b"=")
        if not (space and equals and key and record.endswith(b"\n") and at + length <= len(body)):
            raise _damaged("an extension header is garbled")
        records[key] = value
        at += length
    return records


class _Stream:
    """The decompressed bytes of a tar, counted as they come."""

    def __init__(self, data: bytes, bounds: SubmissionBounds) -> None:
        self._chunks = _decompressed(data)
        self._buffer = bytearray()
        self._left = min(bounds.archive_bytes, bounds.allowed_expansion(len(data)))
        self._extensions_left = _ALL_EXTENSIONS_BYTES

    def read(self, count: int) -> bytes:
        """Exactly so many bytes."""
        while len(self._buffer) < count:
            if not self._more():
                raise _damaged("it is cut off")
        result = bytes(self._buffer[:count])
        del self._buffer[:count]
        return result

    def padded(self, size: int) -> Iterator[bytes]:
        """So many bytes in pieces; then what fills the last block is dropped."""
        for at in range(0, size, CHUNK):
            yield self.read(min(CHUNK, size - at))
        self.read(-size % _BLOCK)

    def extension(self, size: int) -> Iterator[bytes]:
        """The content of an extension header, if it and all of them are small enough."""
        self._extensions_left -= size
        if size > _EXTENSION_BYTES or self._extensions_left < 0:
            raise _damaged("an extension header is too large")
        return self.padded(size)

    def drain(self) -> None:
        """Read to the end, where a compressed file has its checksum."""
        while self._more():
            self._buffer.clear()

    def _more(self) -> bool:
        chunk = next(self._chunks, b"")
        self._buffer += chunk
        self._left -= len(chunk)
        if self._left < 0:
            raise SubmissionRefused(
                "The tar unpacks to far more than a submission may hold: hand in only the files "
                "that the assignment asks for."
            )
        return bool(chunk)


def _decompressed(data: bytes) -> Iterator[bytes]:
    decompressor = decompressor_for(data)
    try:
        yield from pieces(data) if decompressor is None else decompressed(decompressor, data)
    except CorruptStream:
        raise _damaged("it cannot be decompressed") from None


def _damaged(what: str) -> SubmissionRefused:
    return SubmissionRefused(
        f"The tar is damaged or not a plain one ({what}): make it again, or make a zip."
    )
