"""Hostile archives, through the command line with a real engine at hand: refused, never scored."""

import json
import subprocess
import sys
import zipfile

import pytest

pytestmark = pytest.mark.docker
LAYERS = "class Dense: pass\nclass Conv1x1: pass\n"


def zip_bomb(archive):
    archive.writestr("layers.py", "#" + "x" * (200 << 20))


def path_escaping(archive):
    archive.writestr("layers.py", LAYERS)
    archive.writestr("../escaped.py", LAYERS)


def absolute_path(archive):
    archive.writestr("/tmp/escaped.py", LAYERS)


def link(archive):
    entry = zipfile.ZipInfo("layers.py")
    entry.external_attr = 0o120777 << 16
    archive.writestr(entry, "/etc/passwd")


@pytest.mark.parametrize(
    ("fill", "words"),
    [
        (zip_bomb, "layers.py"),
        (path_escaping, "../escaped.py"),
        (absolute_path, "/tmp/escaped.py"),
        (link, "layers.py"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_hostile_archive_is_refused_with_a_sentence(tmp_path, docker_launcher, fill, words):
    path = tmp_path / "inbox" / "submission.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        fill(archive)
    command = [sys.executable, "-m", "grader", "grade", str(path), "--format", "json"]
    command += ["--assignment", "dense-conv1x1", "--sandbox", "docker"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert (report["outcome"], report["score"], report["checks"]) == ("refused", None, [])
    assert words in report["message"]
    assert [each.name for each in tmp_path.rglob("*.*")] == ["submission.zip"]
