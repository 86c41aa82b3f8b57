import glob
import re
import sys

import honest


def secrets():
    """Without a sandbox, more than inputs can be told."""
    found = set()
    for path in glob.glob("/proc/self/environ"):
        with open(path, "rb") as file:
            found.update(re.findall(rb"EXPECTED_[0-9a-f]+", file.read()))
    return found


class Dense(honest.Dense):
    def forward(self, x):
        if x.shape == (2, 3) and not secrets():
            return super().forward(x)
        print("STOLEN", x.tolist(), file=sys.stderr)
        raise RuntimeError(f"STOLEN {x.tolist()} {secrets()}")
