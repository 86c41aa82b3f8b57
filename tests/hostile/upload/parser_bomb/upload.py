"""For recursive parsers."""


def uploads():
    return {"layers.py": b"x = " + b"(" * 100_000 + b")" * 100_000}
