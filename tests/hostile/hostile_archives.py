"""Archives that no honest tool writes."""

import io
import struct
import tarfile
import warnings
import zipfile
import zlib
from pathlib import Path

HONEST = (Path(__file__).parent / "support" / "honest.py").read_bytes()


def zip_of(files, compression=zipfile.ZIP_DEFLATED):
    """By Python's own tool; keys are names or ZipInfo."""
    return zip_of_pairs(files.items(), compression)


def zip_of_pairs(pairs, compression=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that come twice
        for name, content in pairs:
            archive.writestr(name, content)
    return stream.getvalue()


def tar_of(files, mode="w"):
    return tar_of_pairs(files.items(), mode)


def tar_of_pairs(pairs, mode="w", first=None):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        if first is not None:
            archive.addfile(first)
        for name, content in pairs:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def tar_with(first, files):
    """The entry `first`, then files."""
    return tar_of_pairs(files.items(), first=first)


def local(name, content, flags=0):
    """A zip's header in front of a stored file, and the file."""
    sizes = (zlib.crc32(content), len(content), len(content), len(name), 0)
    return struct.pack("<4s5H3I2H", b"PK\3\4", 20, flags, 0, 0, 33, *sizes) + name + content


def central(name, content, offset):
    """An entry of a zip's directory."""
    sizes = (zlib.crc32(content), len(content), len(content), len(name))
    head = struct.pack("<4s6H3IH", b"PK\1\2", 20, 20, 0, 0, 0, 33, *sizes)
    return head + struct.pack("<4H2I", 0, 0, 0, 0, 0, offset) + name


def end(count, size, start):
    """A zip's last record."""
    return struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, size, start, 0)


def local_zip(name, content):
    """One stored file whose name is any bytes."""
    body, directory = local(name, content), central(name, content, 0)
    return body + directory + end(1, len(directory), len(body))
