"""Archives by hand: for what the standard library does not write, and rightly so."""

import bz2
import gzip
import io
import lzma
import struct
import zipfile
import zlib
from typing import NamedTuple

STORED, DEFLATED = 0, 8
BLOCK = 512
END_OF_TAR = bytes(2 * BLOCK)
EPOCH = (1980, 1, 1, 0, 0, 0)


class Entry(NamedTuple):
    """A file of a zip: its local part with its data, and its entry in the directory."""

    local: bytes
    central: bytes


def entry(name, content, *, method=DEFLATED, flags=0, mode=0, extra=b"", lies=None):
    """One file; `lies` replace crc, packed, size, method, flags or name in the directory."""
    packed = deflated(content) if method == DEFLATED else content
    said = {
        "name": name,
        "method": method,
        "flags": flags,
        "crc": zlib.crc32(content),
        "packed": len(packed),
        "size": len(content),
    }
    local = _local(said, extra) + packed
    return Entry(local, _central(said | (lies or {}), mode))


def _local(said, extra=b""):
    sizes = said["crc"], said["packed"], said["size"], len(said["name"]), len(extra)
    head = struct.pack("<4s5H3L2H", b"PK\3\4", 20, said["flags"], said["method"], 0, 33, *sizes)
    return head + said["name"] + extra


def _central(said, mode):
    sizes = said["crc"], said["packed"], said["size"], len(said["name"])
    head = struct.pack(
        "<4s6H3L5H2L",
        *(b"PK\1\2", 0x0314, 20, said["flags"], said["method"], 0, 33),
        *(*sizes, 0, 0, 0, 0, mode << 16, 0),
    )
    return head + said["name"]


def zipped(*entries, offsets=None, between=b"", comment=b"", **end):
    """A zip of such entries; `end` replaces disk, count, size or start in its last record."""
    body = b"".join(each.local for each in entries)
    at, directory = 0, b""
    for k, each in enumerate(entries):
        offset = at if offsets is None else offsets[k]
        directory += each.central[:42] + struct.pack("<L", offset) + each.central[46:]
        at += len(each.local)
    start = len(body) + len(between)
    said = {"disk": 0, "count": len(entries), "size": len(directory), "start": start} | end
    last = struct.pack(
        "<4s4H2LH",
        *(b"PK\5\6", said["disk"], 0, said["count"], said["count"], said["size"], said["start"]),
        len(comment),
    )
    return body + between + directory + last + comment


def deflated(content):
    packer = zlib.compressobj(9, wbits=-15)
    return packer.compress(content) + packer.flush()


def by_zipfile(files, *, streamed=False, **options):
    """A zip as the standard library writes it, always with the same bytes."""

    class Unseekable(io.BytesIO):
        def seekable(self):
            return False

        def seek(self, *_):
            raise OSError

        def tell(self):
            raise OSError

    buffer = Unseekable() if streamed else io.BytesIO()
    with zipfile.ZipFile(buffer, "w", options.pop("compression", zipfile.ZIP_DEFLATED)) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, EPOCH)
            info.compress_type = archive.compression
            archive.writestr(info, content)
        archive.comment = options.pop("comment", b"")
    return buffer.getvalue()


def block(name=b"layers.py", size=None, kind=b"0", magic=b"ustar\x0000", prefix=b"", length=0):
    """A header of a tar; `size` is the field as bytes, else `length` is written into it."""
    header = bytearray(BLOCK)
    header[:100] = name[:100].ljust(100, b"\0")
    header[100:108] = b"0000644\0"
    header[124:136] = (b"%011o\0" % length if size is None else size)[:12].ljust(12, b"\0")
    header[156:157] = kind
    header[257:265] = magic
    header[345:500] = prefix[:155].ljust(155, b"\0")
    return summed(header)


def summed(header):
    """The same header with its right checksum."""
    total = sum(header[:148]) + 8 * 32 + sum(header[156:])
    return bytes(header[:148]) + b"%06o\0 " % total + bytes(header[156:])


def padded(content):
    return content + bytes(-len(content) % BLOCK)


def item(content=b"", **header):
    """A header and its content."""
    return block(length=len(content), **header) + padded(content)


def pax(*records, kind=b"x"):
    """An extension header with such `key=value` records, whose lengths are right."""
    return item(b"".join(map(record, records)), name=b"pax", kind=kind)


def record(text):
    length = len(text) + 2
    while length != len(text) + 2 + len(str(length)):
        length = len(text) + 2 + len(str(length))
    return b"%d %s\n" % (length, text)


def gz(content):
    return gzip.compress(content, 9, mtime=0)


COMPRESSORS = {"gz": gz, "bz2": bz2.compress, "xz": lzma.compress}
