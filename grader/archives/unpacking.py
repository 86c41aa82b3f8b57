"""Writing out a tar that this software has made: files and folders below one folder, no links.

For what others made there is `read_tar`. The standard library's own filter for this came with
Python 3.11.4, which not every distribution has.
"""

import shutil
import tarfile
from pathlib import Path, PurePosixPath

_MODE = 0o755


def unpack_tar(archive: tarfile.TarFile, folder: Path) -> None:
    """Write out everything.

    Args:
        archive: Opened for reading.
        folder: Made where it does not exist.

    Raises:
        ValueError: An entry is no file or folder, or would not lie below the folder; what came
            before it is written.
        tarfile.TarError, OSError: It cannot be read, or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for entry in archive:
        name = PurePosixPath(entry.name)
        if name.is_absolute() or ".." in name.parts or "\0" in entry.name:
            raise ValueError(f"{entry.name!r} lies elsewhere")
        target = folder / name
        if entry.isdir():
            target.mkdir(parents=True, exist_ok=True)
        elif entry.isreg():
            target.parent.mkdir(parents=True, exist_ok=True)
            content = archive.extractfile(entry)
            assert content is not None  # noqa: S101 - it is a regular file
            with content, target.open("xb") as file:
                shutil.copyfileobj(content, file)
            target.chmod(entry.mode & _MODE)
        else:
            raise ValueError(f"{entry.name!r} is neither a file nor a folder")
