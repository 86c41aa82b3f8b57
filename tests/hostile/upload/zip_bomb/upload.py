"""Packed, nested and overlapping bombs."""

import zipfile

from hostile_archives import central, end, local, tar_of, zip_of

BLANK = bytes(1 << 20) * 64


def overlapping():
    """Ten entries, one content."""
    name = b"layers.py"
    content = bytes(1000)
    body = local(name, content)
    entries = b"".join(central(b"%d.py" % n, content, 0) for n in range(10))
    return body + entries + end(10, len(entries), len(body))


def uploads():
    bomb = zip_of({"layers.py": BLANK}, compression=zipfile.ZIP_DEFLATED)
    return {
        "bomb.zip": bomb,
        "nested.zip": zip_of({"layers.py": b"", "inner.json": bomb * 4}),
        "overlapping.zip": overlapping(),
        "bomb.tar.gz": tar_of({"layers.py": BLANK}, mode="w:gz"),
        "bomb.tar.xz": tar_of({"layers.py": BLANK}, mode="w:xz"),
        "bomb.tar.bz2": tar_of({"layers.py": BLANK}, mode="w:bz2"),
    }
