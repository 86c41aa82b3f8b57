"""docs/authoring.md leads from nothing to a verified assignment: its commands and files are run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.docker

PAGE = Path(__file__).parents[2] / "docs" / "authoring.md"
BLOCK = re.compile(r"<!-- (run|file|edit)(?:: ?(.*?))? -->\n```\w+\n(.*?)^```$", re.S | re.M)


def commands_of(block):
    return [line for line in block.splitlines() if line.strip()]


def run(command, folder):
    command = re.sub(r"^(grader|python)\b", rf"{sys.executable} -m \1", command)
    command = command.replace("-m python -m", "-m")
    return subprocess.run(
        command.split(), cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )


def edit(file, block):
    """Replace the lines with a minus by those with a plus that follow them."""
    text = file.read_text()
    for old, new in re.findall(r"^-(.*)\n\+(.*)$", block, re.M):
        assert old in text, old
        text = text.replace(old, new)
    file.write_text(text)


@pytest.mark.usefixtures("docker_launcher")
def test_each_step_of_the_tutorial_does_what_it_says(tmp_path):
    blocks = BLOCK.findall(PAGE.read_text())
    assert len(blocks) >= 12
    for kind, what, block in blocks:
        if kind == "file":
            path = tmp_path / what
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block)
        elif kind == "edit":
            edit(tmp_path / what, block)
        else:
            status, _, shown = what.partition(" ")
            for command in commands_of(block):
                done = run(command, tmp_path)
                said = done.stdout + done.stderr
                fails = status == "1" and command == commands_of(block)[-1]
                assert done.returncode == (1 if fails else 0), f"{command}{os.linesep}{said}"
            assert shown in said
    assert (tmp_path / "scale-shift" / "verified.json").is_file()
