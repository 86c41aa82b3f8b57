"""Many, and deep."""

from hostile_archives import tar_of, zip_of


def uploads():
    many = {f"{number}.py": b"" for number in range(50_000)}
    deep = {"a/" * 1000 + "layers.py": b""}
    return {
        "many.zip": zip_of(many),
        "many.tar.gz": tar_of(many, mode="w:gz"),
        "deep.zip": zip_of(deep),
        "deep.tar": tar_of(deep),
    }
