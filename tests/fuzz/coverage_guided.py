"""A target under Atheris, which keeps what reaches new branches: `run.py` starts it."""

import random
import sys

import atheris

READERS = [
    "grader.sandbox.agent.wire",
    "grader.sandbox.agent.values",
    "grader.archives",
    "grader.intake",
    "grader.submission",
]
with atheris.instrument_imports(include=READERS):
    from tests.fuzz import archives, frames, mutate_archives, mutate_frames
    from tests.fuzz.measuring import tracing

TARGETS = {
    "frames": (frames.check, mutate_frames.mutate),
    "archives": (archives.check, mutate_archives.mutate),
}
BLIND = 0.2
"""Share of mutations that know nothing of the format."""


def main():
    """`coverage_guided TARGET` and libFuzzer's own options and folders."""
    target, *options = sys.argv[1:]
    check, mutate = TARGETS[target]

    def read(content):
        check(content)

    def mutated(content, most, seed):
        draw = random.Random(seed)
        if draw.random() < BLIND:
            return atheris.Mutate(content, most)
        return mutate(content, draw)[:most]

    atheris.Setup([sys.argv[0], *options], read, custom_mutator=mutated)
    with tracing():
        atheris.Fuzz()


if __name__ == "__main__":
    main()
