"""A link, and what goes through it."""

import stat
import tarfile
import zipfile

from hostile_archives import HONEST, tar_with, zip_of


def uploads():
    link = zipfile.ZipInfo("out")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    symlink = tarfile.TarInfo("out")
    symlink.type, symlink.linkname = tarfile.SYMTYPE, ".."
    return {
        "link.tar": tar_with(symlink, {"out/escaped.py": b"ESCAPED", "layers.py": HONEST}),
        "link.zip": zip_of({link: b"..", "out/escaped.py": b"ESCAPED", "layers.py": HONEST}),
    }
