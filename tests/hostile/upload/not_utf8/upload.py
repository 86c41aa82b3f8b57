"""Latin-1, undeclared."""


def uploads():
    return {"layers.py": b"x = '\xe9\xff\xfe'\n"}
