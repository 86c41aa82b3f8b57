"""Every kind of entry that is no file."""

import tarfile

from hostile_archives import HONEST, tar_with

KINDS = {
    "hardlink": tarfile.LNKTYPE,
    "pipe": tarfile.FIFOTYPE,
    "character": tarfile.CHRTYPE,
    "block": tarfile.BLKTYPE,
    "contiguous": b"9",
    "sparse": tarfile.GNUTYPE_SPARSE,
}


def entry(name, kind):
    info = tarfile.TarInfo(f"{name}.py")
    info.type, info.linkname = kind, "/etc/passwd" if kind == tarfile.LNKTYPE else ""
    info.devmajor, info.devminor = 1, 1
    return info


def uploads():
    return {
        f"{name}.tar": tar_with(entry(name, kind), {"layers.py": HONEST})
        for name, kind in KINDS.items()
    }
