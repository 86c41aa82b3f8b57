"""Larger than any layer."""


def uploads():
    return {"layers.py": b"x = 1\n" * (100_000_000 // 6)}
