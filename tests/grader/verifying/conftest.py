"""A good assignment, to be spoiled; and what `verify` says of it then."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from grader.scaffold import scaffold
from grader.verifying.finding import Severity
from grader.verifying.verify import verify


class Folder:
    """An assignment's folder, with small edits."""

    def __init__(self, path):
        self.path = path

    def write(self, name, text):
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())

    def read(self, name):
        return (self.path / name).read_text()

    def replace(self, name, old, new):
        text = self.read(name)
        assert old in text, f"{name} has no {old!r}"
        self.write(name, text.replace(old, new))


@pytest.fixture
def folder(tmp_path):
    """What `grader new` makes."""
    return Folder(scaffold("scale-shift", tmp_path))


@pytest.fixture
def find(docker_launcher):
    """Verify a folder, or some parts of it, in this process: what was found, by code."""
    kind = docker_launcher.describe().kind

    def find(folder, *parts, workers=0, **options):
        path = folder if isinstance(folder, Path) else folder.path
        found = verify(path, parts or None, sandbox=kind, workers=workers, **options)
        codes = [f.code for f in found.findings if f.severity is Severity.ERROR]
        return SimpleNamespace(codes=codes, findings=found.findings, verification=found)

    return find
