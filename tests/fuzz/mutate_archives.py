"""Other archives from an archive: edits of what is inside, with the sums made right again."""

import bz2
import lzma
import struct
import zlib

from tests.fuzz.build_archives import BLOCK, COMPRESSORS, record, summed
from tests.fuzz.mutate_frames import edited

MOST_BYTES = 200_000
KINDS = b"0012345671SDKLNVMxxgX\0"
NAMES = (b"a.py", b"A.py", b"../a.py", b"/a.py", b"a/b/c/d.py", b".git/x", b"a.py/b.py", b"", b"a/")
NAMES += (b"a\\b.py", b"a\0b.py", b"\xff.py", b"a" * 99, b"a" * 18 + b".py", b"-a.py", b"a.so")
SIZES = (b"00000000000", b"00000000001", b"00000001000", b"00000400000", b"77777777777")
SIZES += (b"\x80" + bytes(10), b"-0000000001", b"99999999999", b"", b" 12 ", b"0x10")
RECORDS = (b"path=b.py", b"path=../b.py", b"size=1", b"size=99999999999999", b"size=-1", b"mtime=1")
RECORDS += (b"GNU.sparse.major=1", b"path=", b"=", b"size=", b"linkpath=/etc/passwd", b"path=a\0b")
_TAR_FIELDS = ((0, 100), (124, 136), (156, 157), (257, 265), (345, 500))
_PAIRED = ((8, 6), (10, 8), (16, 14), (20, 18), (24, 22))
"""Offsets of flags, method, crc, packed and size: in the directory, in the local header."""


def mutate(content, random):
    """An archive like `content`, but different; by a `random.Random`."""
    packed_as = _compression(content)
    if packed_as and random.random() < 0.9:
        tar = _decompressed(content)
        if tar is not None:
            name = _of((*COMPRESSORS, packed_as, packed_as), random)
            content = COMPRESSORS[name](_changed(tar, random))
            return edited(content, random) if random.random() < 0.2 else content
    content = _changed(content, random)
    if random.random() < 0.03:
        content = _of(list(COMPRESSORS.values()), random)(content)
    return content


def _changed(content, random):
    for _ in range(1 + int(random.random() * 3)):
        if random.random() < 0.15 or not content:
            content = edited(content, random)
        elif content.startswith(b"PK"):
            content = _changed_zip(content, random)
        else:
            content = _changed_tar(content, random)
    return content[:MOST_BYTES]


def _compression(content):
    magics = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ": "xz"}
    return next((name for magic, name in magics.items() if content.startswith(magic)), None)


def _decompressed(content):
    """A small part of what was compressed; None where nothing was."""
    try:
        if content.startswith(b"\x1f\x8b"):
            return zlib.decompressobj(31).decompress(content, MOST_BYTES)
        if content.startswith(b"BZh"):
            return bz2.BZ2Decompressor().decompress(content, MOST_BYTES)
        return lzma.LZMADecompressor(memlimit=1 << 26).decompress(content, MOST_BYTES)
    except (zlib.error, OSError, EOFError, lzma.LZMAError):
        return None


def _changed_tar(content, random):
    blocks = [content[at : at + BLOCK] for at in range(0, len(content), BLOCK)]
    at = int(random.random() * len(blocks))
    match int(random.random() * 8):
        case 0:
            blocks[at : at + 1] = []
        case 1:
            blocks.insert(at, _of(blocks, random))
        case 2:
            blocks.insert(at, bytes(BLOCK))
        case 3:
            body = b"".join(record(_of(RECORDS, random)) for _ in range(int(random.random() * 3)))
            head = bytearray(BLOCK)
            head[124:136] = b"%011o\0" % len(body)
            head[156:157] = _of(b"xxxgLK", random)
            head[257:265] = b"ustar\x0000"
            blocks[at:at] = [summed(head), body.ljust(BLOCK, b"\0")]
        case _:
            heads = [k for k, block in enumerate(blocks) if block[257:262] == b"ustar"] or [at]
            at = _of(heads, random)
            blocks[at] = _changed_header(blocks[at].ljust(BLOCK, b"\0"), random)
    return b"".join(blocks)


def _changed_header(block, random):
    start, end = _of(_TAR_FIELDS, random)
    width = end - start
    field = {
        0: lambda: _of(NAMES, random),
        124: lambda: _of(SIZES, random),
        156: lambda: _of(KINDS, random),
        257: lambda: _of((b"ustar\x0000", b"ustar  \0", b"", b"ustar\0\0\0"), random),
        345: lambda: _of(NAMES, random),
    }[start]()
    header = block[:start] + field[:width].ljust(width, b"\0") + block[end:]
    return summed(header) if random.random() < 0.9 else header


def _changed_zip(content, random):
    made = bytearray(content)
    central = [at for at in _all(content, b"PK\1\2") if at + 46 <= len(content)]
    if not central or random.random() < 0.2:
        return _changed_end(made, random)
    at = _of(central, random)
    local = int.from_bytes(made[at + 42 : at + 46], "little")
    in_both = random.random() < 0.6 and made[local : local + 4] == b"PK\3\4"
    choice = int(random.random() * 9)
    if choice < len(_PAIRED):
        here, there = _PAIRED[choice]
        width = 2 if here < 16 else 4
        old = int.from_bytes(made[here + at : here + at + width], "little")
        new = _of((0, 1, 8, old + 1, old - 1, 2**16, 2**32 - 1, old ^ 8, 99), random)
        field = (new % 256**width).to_bytes(width, "little")
        made[at + here : at + here + width] = field
        if in_both:
            made[local + there : local + there + width] = field
    elif choice == 5:  # a name of the same length
        length = int.from_bytes(made[at + 28 : at + 30], "little")
        name = _of(NAMES, random)[:length].ljust(length, b"x")
        made[at + 46 : at + 46 + length] = name
        if in_both:
            made[local + 30 : local + 30 + length] = name
    elif choice == 6:
        offset = _of((0, local + 1, 2**32 - 1, _of(central, random)), random)
        made[at + 42 : at + 46] = struct.pack("<L", offset % 2**32)
    elif choice == 7:
        mode = _of((0o120777, 0o100644, 0o010644, 0o060644, 0o140644, 0o040755), random)
        made[at + 38 : at + 42] = struct.pack("<L", mode << 16)
    else:
        made[at + 30 : at + 34] = random.randbytes(4)
    return bytes(made)


def _changed_end(made, random):
    """The last record changed, or made right for what is there."""
    end = made.rfind(b"PK\5\6")
    if end < 0 or end + 22 > len(made):
        return edited(bytes(made), random, b"PK\1\2\3\4\5\6")
    central = _all(made, b"PK\1\2")
    start = central[0] if central else end
    if random.random() < 0.5:
        fields = len(central), len(central), end - start, start
    else:
        fields = list(struct.unpack_from("<2H2L", made, end + 8))
        which = int(random.random() * 4)
        fields[which] = (fields[which] + _of((1, -1, 46, 1000), random)) % (2**16, 2**32)[which > 1]
    struct.pack_into("<2H2L", made, end + 8, *fields)
    return bytes(made)


def _all(content, what):
    """Where `what` occurs, at most 50 times."""
    found, at = [], content.find(what)
    while at >= 0 and len(found) < 50:
        found.append(at)
        at = content.find(what, at + 1)
    return found


def _of(options, random):
    option = options[int(random.random() * len(options))]
    return bytes([option]) if isinstance(options, bytes) else option
