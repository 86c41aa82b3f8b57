"""What a careless converter would parse."""

from hostile_archives import HONEST, zip_of


def uploads():
    deep = b"[" * 100_000 + b"]" * 100_000
    return {
        "layers.ipynb": deep,
        "notebook.zip": zip_of({"layers.py": HONEST, "work.ipynb": b'{"cells": ' + deep + b"}"}),
    }
