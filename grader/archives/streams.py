"""Decompression in small steps, so that a bound can be kept while bytes come."""

import bz2
import lzma
import zlib
from collections.abc import Iterator
from typing import Protocol

CHUNK = 64 * 1024
_XZ_MEMORY = 24 * 1024 * 1024  # `xz -6`, the default, needs 9 MiB


class CorruptStream(Exception):
    """These bytes are not what one such compressor wrote, all of it and nothing else."""


class Decompressor(Protocol):
    """What the decompressors of `bz2` and `lzma` have, and `zlib`'s lacks in part."""

    @property
    def eof(self) -> bool:
        """Whether the end of the compressed data was seen."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What came after it."""
        ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """At most so many bytes; the rest of `data` is kept for the next call."""
        ...


class Inflater:
    """zlib's decompressor, which leaves it to its caller to keep unread input.

    Args:
        window_bits: As in `zlib.decompressobj`.
    """

    def __init__(self, window_bits: int) -> None:
        self._inflater = zlib.decompressobj(window_bits)

    @property
    def eof(self) -> bool:
        """Whether the end of the compressed data was seen."""
        return self._inflater.eof

    @property
    def unused_data(self) -> bytes:
        """What came after it."""
        return self._inflater.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """At most so many bytes; the rest of `data` is kept for the next call."""
        return self._inflater.decompress(self._inflater.unconsumed_tail + data, max_length)


def decompressor_for(data: bytes) -> Decompressor | None:
    """What reads a gzip, bzip2 or xz file, by its first bytes; None for anything else."""
    if data.startswith(b"\x1f\x8b"):
        return Inflater(zlib.MAX_WBITS | 16)
    if data.startswith(b"BZh"):
        return bz2.BZ2Decompressor()
    if data.startswith(b"\xfd7zXZ\x00"):
        return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
    return None


def pieces(data: bytes) -> Iterator[bytes]:
    """The same bytes, `CHUNK` at a time."""
    for at in range(0, len(data), CHUNK):
        yield data[at : at + CHUNK]


def decompressed(decompressor: Decompressor, data: bytes) -> Iterator[bytes]:
    """What `data` decompresses to, at most `CHUNK` bytes at a time.

    Raises:
        CorruptStream: The data are damaged, cut off, or go on after their end.
    """
    try:
        for piece in pieces(data):
            if decompressor.eof:
                raise CorruptStream
            chunk = decompressor.decompress(piece, CHUNK)
            while chunk:
                yield chunk
                chunk = b"" if decompressor.eof else decompressor.decompress(b"", CHUNK)
    except (zlib.error, lzma.LZMAError, OSError, EOFError):
        raise CorruptStream from None
    if not decompressor.eof or decompressor.unused_data:
        raise CorruptStream
