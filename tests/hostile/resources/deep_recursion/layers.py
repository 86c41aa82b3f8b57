import sys

import wrong


class Endless:
    def __repr__(self):
        return repr(self)


class Dense(wrong.Dense):
    def forward(self, x):
        sys.setrecursionlimit(10**9)
        return repr(Endless())
