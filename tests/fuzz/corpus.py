"""The seed inputs, which are kept as files: `python -m tests.fuzz.corpus` writes them again."""

from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"
TARGETS = ("frames", "archives")


def read_corpus(target):
    """The kept inputs of a target by their file's name, in its order."""
    return {path.name: path.read_bytes() for path in sorted((FOLDER / target).iterdir())}


def write_corpus():
    """Write what the seeds' modules make; other files stay as they are."""
    from tests.fuzz import seed_archives, seed_frames

    for target, seeds in {"frames": seed_frames.seeds(), "archives": seed_archives.seeds()}.items():
        folder = FOLDER / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in seeds.items():
            (folder / name).write_bytes(content)


if __name__ == "__main__":
    write_corpus()
