"""Names that climb."""

from hostile_archives import HONEST, tar_of, zip_of

NAMES = ("../escaped.py", "/tmp/onebyone-escaped.py", "a/../../escaped.py")
WINDOWS = ("C:\\escaped.py", "..\\escaped.py", "\\\\server\\share.py")


def uploads():
    archives = {}
    for number, name in enumerate(NAMES + WINDOWS):
        archives[f"slip{number}.tar"] = tar_of({"layers.py": HONEST, name: b"ESCAPED"})
        archives[f"slip{number}.zip"] = zip_of({"layers.py": HONEST, name: b"ESCAPED"})
    return archives
