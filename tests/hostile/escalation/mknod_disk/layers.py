import os
import stat

import honest


def attempt(name, major, minor, kind):
    try:
        os.mknod(name, kind | 0o666, os.makedev(major, minor))
        with open(name, "rb") as file:
            raise RuntimeError(f"ESCAPED: read {file.read(16)!r}")
    except OSError as error:
        return type(error).__name__


answers = [attempt("disk", 254, 0, stat.S_IFBLK), attempt("memory", 1, 1, stat.S_IFCHR)]


class Dense(honest.Dense):
    def forward(self, x):
        print(*answers)
        return super().forward(x)
