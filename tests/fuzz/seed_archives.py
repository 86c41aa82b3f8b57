"""Archives to start from: what ordinary tools write, and what nobody means well with."""

import io
import lzma
import stat
import struct
import tarfile
import zipfile

from tests.fuzz.build_archives import (
    BLOCK,
    COMPRESSORS,
    END_OF_TAR,
    STORED,
    block,
    by_zipfile,
    deflated,
    entry,
    gz,
    item,
    padded,
    pax,
    zipped,
)

LAYERS = b"class Dense:\n    pass\n" * 4
FILES = {"hw/layers.py": LAYERS, "hw/notes.md": b"", "hw/a/data.csv": bytes(range(256))}
LINK = stat.S_IFLNK | 0o777
BOMB = bytes(10_000_000)


def seeds():
    """Content by name. A name starts with `accepted` where it is a submission."""
    accepted = {**_good_zips(), **_good_tars()}
    refused = {**_bad_zips(), **_bad_tars(), **_bad_streams()}
    return {
        **{f"accepted-{name}": content for name, content in accepted.items()},
        **{f"refused-{name}": content for name, content in refused.items()},
    }


def _good_zips():
    return {
        "zip": by_zipfile(FILES),
        "zip-stored": by_zipfile(FILES, compression=zipfile.ZIP_STORED),
        "zip-streamed": by_zipfile(FILES, streamed=True),
        "zip-comment": by_zipfile(FILES, comment=b"made by me"),
        "zip-by-hand": zipped(entry(b"layers.py", LAYERS), entry(b"a/", b"", method=STORED)),
        "zip-extra-field": zipped(entry(b"layers.py", LAYERS, extra=b"UT\5\0\1\0\0\0\0")),
        "zip-junk": by_zipfile(FILES | {"__MACOSX/._layers.py": b"x", ".git/HEAD": b"y"}),
        "zip-gap": zipped(entry(b"layers.py", LAYERS), between=b"between the parts"),
    }


def _bad_zips():
    one = entry(b"a.py", LAYERS)
    two = entry(b"b.py", LAYERS)
    inner = entry(b"b.py", LAYERS, method=STORED)
    quoting = entry(b"a.py", inner.local, method=STORED)
    slip = {
        name: zipped(entry(text, LAYERS))
        for name, text in {
            "parent": b"../../layers.py",
            "absolute": b"/etc/layers.py",
            "backslash": b"..\\layers.py",
            "drive": b"C:/layers.py",
            "nul": b"a.py\0.txt",
            "not-utf-8": b"\xff\xfe.py",
            "long": b"a" * 3000 + b".py",
            "empty": b"",
        }.items()
    }
    ends = {"disk": 1, "count": 2, "size": 1, "start": 2**32 - 2}
    return {
        **{f"zip-slip-{name}": content for name, content in slip.items()},
        **{f"zip-end-{name}": zipped(one, **{name: lie}) for name, lie in ends.items()},
        **{
            f"zip-local-differs-{name}": zipped(entry(b"a.py", LAYERS, lies={name: lie}))
            for name, lie in {
                "name": b"b.py",
                "crc": 1,
                "packed": 2,
                "size": 3,
                "method": STORED,
            }.items()
        },
        "zip-empty": zipped(),
        "zip-end-in-the-comment": zipped(one, comment=b"PK\5\6 made by me"),
        "zip-bomb": zipped(entry(b"data.csv", BOMB)),
        "zip-bomb-with-a-small-size": zipped(entry(b"data.csv", BOMB, lies={"size": 10})),
        "zip-bomb-of-many": zipped(
            *(entry(b"%d.csv" % k, bytes(60_000)) for k in range(80)),
        ),
        "zip-nested": zipped(entry(b"inner.zip", zipped(one))),
        "zip-overlap-same": zipped(one, two._replace(local=b""), offsets=[0, 0]),
        "zip-overlap-quoting": zipped(
            quoting,
            inner._replace(local=b""),
            offsets=[0, len(quoting.local) - len(inner.local)],
        ),
        "zip-overlap-directory": zipped(
            entry(b"a.py", LAYERS, method=STORED)._replace(local=one.local[:-4])
        ),
        "zip-offset-beyond": zipped(one, offsets=[2**31]),
        "zip-link": zipped(entry(b"a.py", b"/etc/passwd", mode=LINK)),
        "zip-fifo": zipped(entry(b"a.py", b"", mode=stat.S_IFIFO)),
        "zip-encrypted": zipped(entry(b"a.py", LAYERS, flags=1)),
        "zip-bzip2": by_zipfile(FILES, compression=zipfile.ZIP_BZIP2),
        "zip-64": zipped(one, start=2**32 - 1),
        "zip-64-entry": zipped(entry(b"a.py", LAYERS, lies={"size": 2**32 - 1})),
        "zip-many-entries": zipped(*[entry(b".x", b"", method=STORED)] * 1001),
        "zip-twice": zipped(one, one),
        "zip-twice-by-case": zipped(one, entry(b"A.py", LAYERS)),
        "zip-cut-off": by_zipfile(FILES)[:-30],
        "zip-prefixed": b"#!/bin/sh\n" + zipped(one),
        "zip-trailing": zipped(one) + b"x",
        "zip-garbled-deflate": zipped(one._replace(local=one.local[:-3] + b"\xff\xff\xff")),
        "zip-deflate-goes-on": _longer(LAYERS, b"xx"),
    }


def _longer(content, tail):
    """Deflated data that end before the entry does."""
    made = entry(b"a.py", content)
    size = struct.pack("<L", len(deflated(content)) + len(tail))
    local = made.local[:18] + size + made.local[22:] + tail
    return zipped(made._replace(local=local, central=made.central[:20] + size + made.central[24:]))


def _good_tars():
    plain = _by_tarfile(tarfile.PAX_FORMAT)
    long = b"n" * 110 + b".py\0"
    return {
        "tar-ustar": _by_tarfile(tarfile.USTAR_FORMAT),
        "tar-gnu": _by_tarfile(tarfile.GNU_FORMAT),
        "tar-pax": plain,
        **{f"tar-{name}": compress(plain) for name, compress in COMPRESSORS.items()},
        "tar-old": item(LAYERS, kind=b"\0", magic=b"ustar  \0") + END_OF_TAR,
        "tar-prefix": item(LAYERS, prefix=b"a/b") + END_OF_TAR,
        "tar-pax-name": pax(b"path=b.py", b"mtime=1.5") + item(LAYERS) + END_OF_TAR,
        "tar-pax-size": pax(b"size=88") + block() + padded(LAYERS) + END_OF_TAR,
        "tar-pax-global": pax(b"comment=x", kind=b"g") + item(LAYERS) + END_OF_TAR,
        "tar-gnu-name": item(b"b.py\0", name=b"././@LongLink", kind=b"L") + item() + END_OF_TAR,
        "tar-gnu-link": item(long, name=b"././@LongLink", kind=b"K") + item() + END_OF_TAR,
        "tar-junk": item(b"x", name=b".git/HEAD", kind=b"0") + item(LAYERS) + END_OF_TAR,
        "tar-zeros-behind": item(LAYERS) + END_OF_TAR * 4,
    }


def _bad_tars():
    kinds = {"hardlink": b"1", "symlink": b"2", "character": b"3", "device": b"4", "fifo": b"6"}
    sparse = {"gnu": b"S", "volume": b"V", "multi": b"M", "dump": b"D"}
    sizes = {"negative": b"-0000000001", "binary": b"\x80" + bytes(10) + b"\1", "nine": b"9"}
    records = {
        "length-0": b"0 a=b\n",
        "length-negative": b"-6 a=b\n",
        "length-huge": b"99999999999 a=b\n",
        "length-beyond": b"8 a=b\n",
        "no-equals": b"6 ab\n\n",
        "size": b"12 size=abc\n",
        "size-2-63": b"28 size=9223372036854775808\n",
        "sparse": b"22 GNU.sparse.major=1\n",
        "sparse-name": b"28 GNU.sparse.name=layers.py\n",
    }
    return {
        **{f"tar-{name}": block(kind=kind) + END_OF_TAR for name, kind in kinds.items()},
        **{
            f"tar-kind-{name}": item(LAYERS, kind=kind) + END_OF_TAR
            for name, kind in sparse.items()
        },
        **{f"tar-size-{name}": block(size=size) + END_OF_TAR for name, size in sizes.items()},
        **{
            f"tar-pax-{name}": item(text, kind=b"x") + item(LAYERS) + END_OF_TAR
            for name, text in records.items()
        },
        "tar-size-vast": block(size=b"77777777777") + END_OF_TAR,
        "tar-slip": item(LAYERS, name=b"../layers.py") + END_OF_TAR,
        "tar-slip-prefix": item(LAYERS, prefix=b"/etc") + END_OF_TAR,
        "tar-slip-pax": pax(b"path=../../evil.py") + item(LAYERS) + END_OF_TAR,
        "tar-slip-gnu": item(b"/evil.py\0", kind=b"L") + item(LAYERS) + END_OF_TAR,
        "tar-pax-global-name": pax(b"path=a.py", kind=b"g") + item(LAYERS) + END_OF_TAR,
        "tar-pax-large": block(kind=b"x", size=b"00000400000") + END_OF_TAR,
        "tar-link-with-content": item(LAYERS, kind=b"2") + END_OF_TAR,
        "tar-folder-with-content": item(LAYERS, kind=b"5") + END_OF_TAR,
        "tar-checksum": b"x" + item(LAYERS)[1:] + END_OF_TAR,
        "tar-twice": item(LAYERS, name=b"a.py") + item(LAYERS, name=b"A.py") + END_OF_TAR,
        "tar-file-is-a-folder": item(name=b"a.py") + item(name=b"a.py/b.py") + END_OF_TAR,
        "tar-empty": END_OF_TAR * 5,
        "tar-endless": item(LAYERS),
        "tar-cut-off": item(LAYERS * 20)[: 2 * BLOCK],
        "tar-extension-alone": pax(b"path=a.py"),
    }


def _bad_streams():
    plain = _by_tarfile(tarfile.PAX_FORMAT)
    bomb = block(name=b"data.csv", length=len(BOMB)) + padded(BOMB) + END_OF_TAR
    hidden = block(name=b".git/x", length=len(BOMB)) + padded(BOMB) + END_OF_TAR
    extensions = gz((pax(*[b"comment=" + b"x" * 90] * 640)) * 18 + item(LAYERS) + END_OF_TAR)
    greedy = lzma.compress(b"x", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 26}])
    return {
        **{f"bomb-{name}": compress(bomb) for name, compress in COMPRESSORS.items()},
        **{f"bomb-hidden-{name}": compress(hidden) for name, compress in COMPRESSORS.items()},
        **{f"cut-off-{name}": compress(plain)[:-9] for name, compress in COMPRESSORS.items()},
        **{f"goes-on-{name}": compress(plain) + b"x" for name, compress in COMPRESSORS.items()},
        **{f"twice-{name}": compress(plain) * 2 for name, compress in COMPRESSORS.items()},
        **{f"magic-{name}": compress(b"")[:6] for name, compress in COMPRESSORS.items()},
        "gz-of-gz": gz(gz(plain)),
        "gz-of-zip": gz(by_zipfile(FILES)),
        "gz-of-extensions": extensions,
        "xz-greedy": greedy,
        "empty": b"",
        "nothing-known": b"hello",
    }


def _by_tarfile(style):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=style) as archive:
        for name, content in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()
