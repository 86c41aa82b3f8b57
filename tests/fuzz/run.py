"""Fuzz a reader for as long as you like: `python -m tests.fuzz.run --help`; see docs/fuzzing.md."""

import argparse
import hashlib
import subprocess
import sys
from pathlib import Path

from tests.fuzz import archives, frames, throughput
from tests.fuzz.corpus import FOLDER, TARGETS

ROOT = Path(__file__).parent.parent.parent
KEPT = ROOT / ".fuzz"
"""What runs find: `corpus/TARGET` for inputs that reach something new, `crashes` for the others."""
MOST_BYTES = {"frames": 12_000, "archives": 100_000}
CHECKS = {"frames": frames.check, "archives": archives.check}


def main():
    """Returns the exit status: 0 where nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__)
    parser.add_argument("--target", choices=TARGETS, required=True)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--minutes", type=float, help="guided by coverage (needs the extra `fuzz`)")
    what.add_argument("--runs", type=int, help="the same, for so many inputs")
    what.add_argument("--frames", type=int, help="so many mutated frames, as fast as can be")
    what.add_argument("--replay", type=Path, nargs="+", help="read these files, and nothing else")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn")
    parser.add_argument("--processes", type=int, default=2, help="that read frames")
    parser.add_argument("--sums", type=Path, help="file to add the figures of frames to")
    parser.add_argument("--kept", type=Path, default=KEPT, help="folder for what is found")
    options = parser.parse_args()
    if options.replay:
        return replay(options.target, options.replay)
    if options.frames is not None:
        return many_frames(options)
    limit = (
        f"-runs={options.runs}"
        if options.runs is not None
        else f"-max_total_time={max(1, round(options.minutes * 60))}"
    )
    return guided(options.target, limit, options.seed, options.kept)


def replay(target, files):
    """Read kept inputs again: what is found is raised, with its traceback."""
    for file in files:
        seen = CHECKS[target](file.read_bytes())
        print(f"{file.name}: {', '.join(sorted(seen.accepted)) or 'refused'}")
    return 0


def many_frames(options):
    """Read mutated frames, and print the figures."""
    try:
        sums = throughput.run(options.frames, options.seed, options.processes, options.sums)
    except throughput.Found as found:
        name = f"crash-{hashlib.sha1(found.content).hexdigest()}"
        file = crashes(options.kept, options.target) / name
        file.write_bytes(found.content)
        print(found.how)
        print(how_to_replay(options.target, [file]))
        return 1
    print(sums.lines())
    return 0


def guided(target, limit, seed, kept):
    """Let Atheris find inputs that reach new branches."""
    found = crashes(kept, target)
    before = set(found.iterdir())
    new = kept / "corpus" / target
    new.mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, "-m", "tests.fuzz.coverage_guided", target),
        *(limit, f"-seed={seed}", f"-max_len={MOST_BYTES[target]}", "-timeout=20"),
        *("-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={found}/"),
        *(str(new), str(FOLDER / target)),
    ]
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    files = sorted(set(found.iterdir()) - before)
    if files:
        print(how_to_replay(target, files))
    return status


def crashes(kept, target):
    """The folder for inputs that break a target."""
    folder = kept / "crashes" / target
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def how_to_replay(target, files):
    """What to do with an input that was found."""
    names = " ".join(map(str, files))
    return (
        f"Found: {names}\n"
        f"Replay: python -m tests.fuzz.run --target {target} --replay {names}\n"
        f"Once it is mended, keep it: tests/fuzz/corpus/{target}/refused-NAME or accepted-NAME"
    )


if __name__ == "__main__":
    sys.exit(main())
