"""No text at all."""


def uploads():
    return {"layers.py": b"\0" * 1000}
