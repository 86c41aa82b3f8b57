"""Files that Python would run by itself."""

from hostile_archives import HONEST, zip_of

NAMES = ("evil.pth", "layers.so", "layers.cpython-311-x86_64-linux-gnu.so", "pyvenv.cfg", "run.sh")


def uploads():
    return {f"{name}.zip": zip_of({"layers.py": HONEST, name: b"import os"}) for name in NAMES}
