"""Zip files: read by the central directory alone, then held against what it promised.

`zipfile` is made to read as much as it can; this reads plain zips and refuses the rest. The format
is that of PKWARE's APPNOTE.TXT 6.3.10, without zip64, encryption and split archives.
"""

import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from grader.archives.streams import CorruptStream, Inflater, decompressed, pieces
from grader.errors import SubmissionRefused
from grader.intake import Intake
from grader.text import quoted

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")

_END = struct.Struct("<4s4H2LH")
_CENTRAL = struct.Struct("<4s4x2H4x3L4H2x2L")
_LOCAL = struct.Struct("<4s2x2H4x3L2H")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _SIZES_FOLLOW = 0x2041, 0x0008
"""Flag bits: encrypted, strongly encrypted, masked headers; sizes after the data."""


@dataclass(frozen=True)
class _Entry:
    """What the central directory says of one file."""

    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    mode: int
    offset: int

    @property
    def shown(self) -> str:
        """The name as text; one that is not ASCII is refused later, whatever its encoding."""
        return self.name.decode("utf-8", "surrogateescape")


def read_zip(data: bytes, intake: Intake) -> None:
    """Hand every file of a zip to `intake`.

    Raises:
        SubmissionRefused: It is damaged, contradicts itself, or breaks a bound.
    """
    end_of_files, entries = _directory(data, intake.bounds.entries)
    starts = [_data_start(data, entry) for entry in entries]
    _require_apart(entries, starts, end_of_files)
    for entry, start in zip(entries, starts, strict=True):
        name = intake.admit(entry.shown)
        if name is None or entry.name.endswith(b"/"):
            continue
        if stat.S_IFMT(entry.mode) not in (0, stat.S_IFREG):
            raise SubmissionRefused(
                f"The entry {quoted(entry.shown)} is a link or a special file: put a regular file "
                f"in its place."
            )
        allowed = intake.bounds.allowed_expansion(entry.packed)
        intake.take(name, _content(data[start : start + entry.packed], entry, allowed))


def _require_apart(entries: list[_Entry], starts: list[int], end_of_files: int) -> None:
    """No byte belongs to two entries, or to an entry and the directory."""
    free_from = 0
    for entry, start in sorted(zip(entries, starts, strict=True), key=lambda pair: pair[1]):
        if entry.offset < free_from or start + entry.packed > end_of_files:
            raise _damaged("its entries overlap")
        free_from = start + entry.packed


def _directory(data: bytes, most: int) -> tuple[int, list[_Entry]]:
    position = data.rfind(b"PK\x05\x06", max(0, len(data) - _END.size - 0xFFFF))
    if position < 0 or position + _END.size > len(data):
        raise _damaged("its end is missing")
    _, disk, first_disk, here, count, size, start, comment = _END.unpack_from(data, position)
    if 0xFFFF in (disk, here, count) or 0xFFFFFFFF in (size, start):
        raise _damaged("it uses the zip64 format")
    if disk or first_disk or here != count or position + _END.size + comment != len(data):
        raise _damaged("its end does not fit")
    if start + size != position:
        raise _damaged("its directory is not where it should be")
    if count > most:
        raise SubmissionRefused(
            f"The zip has more than {most} entries: hand in only the files that the assignment "
            f"asks for."
        )
    entries, at = [], start
    for _ in range(count):
        entry, at = _central_entry(data, at, position)
        entries.append(entry)
    if at != position:
        raise _damaged("its directory does not fit")
    return start, entries


def _central_entry(data: bytes, at: int, end: int) -> tuple[_Entry, int]:
    if at + _CENTRAL.size > end:
        raise _damaged("its directory is cut off")
    signature, flags, method, crc, packed, size, *lengths, disk, external, offset = (
        _CENTRAL.unpack_from(data, at)
    )
    name_at = at + _CENTRAL.size
    following = name_at + sum(lengths)
    if signature != b"PK\x01\x02" or following > end or disk:
        raise _damaged("its directory is garbled")
    name = data[name_at : name_at + lengths[0]]
    entry = _Entry(name, flags, method, crc, packed, size, external >> 16, offset)
    if flags & _ENCRYPTED:
        raise SubmissionRefused("The zip is encrypted: make it again, without a password.")
    if method not in (_STORED, _DEFLATED) or 0xFFFFFFFF in (packed, size, offset):
        raise _damaged("it uses an unusual compression")
    return entry, following


def _data_start(data: bytes, entry: _Entry) -> int:
    """Where the data begins; the header in front of it must say what the directory says."""
    if entry.offset + _LOCAL.size > len(data):
        raise _damaged("an entry is cut off")
    signature, flags, method, crc, packed, size, name_length, extra_length = _LOCAL.unpack_from(
        data, entry.offset
    )
    name_at = entry.offset + _LOCAL.size
    start: int = name_at + name_length + extra_length
    zero_or = (crc or entry.crc, packed or entry.packed, size or entry.size)
    said = zero_or if flags & _SIZES_FOLLOW else (crc, packed, size)
    same = (
        signature == b"PK\x03\x04"
        and not flags & _ENCRYPTED
        and method == entry.method
        and data[name_at : name_at + name_length] == entry.name
        and said == (entry.crc, entry.packed, entry.size)
    )
    if not same or start + entry.packed > len(data):
        raise _damaged("an entry is not what its directory says")
    return start


def _content(packed: bytes, entry: _Entry, allowed: int) -> Iterator[bytes]:
    """The file in pieces, checked against size and checksum when it is through."""
    crc = size = 0
    for chunk in _unpacked(packed, entry.method):
        crc = zlib.crc32(chunk, crc)
        size += len(chunk)
        if size > allowed:
            raise SubmissionRefused(
                f"The file {quoted(entry.shown)} unpacks to far more than its packed size: leave "
                f"it out, or hand it in without a zip."
            )
        if size > entry.size:
            break
        yield chunk
    if (crc, size) != (entry.crc, entry.size):
        raise _damaged("the checksum or the size of a file is wrong")


def _unpacked(packed: bytes, method: int) -> Iterator[bytes]:
    if method == _STORED:
        yield from pieces(packed)
        return
    try:
        yield from decompressed(Inflater(-zlib.MAX_WBITS), packed)
    except CorruptStream:
        raise _damaged("a file cannot be unpacked") from None


def _damaged(what: str) -> SubmissionRefused:
    return SubmissionRefused(
        f"The zip is damaged or not a plain one ({what}): make it again with your system's "
        f"ordinary zip tool."
    )
