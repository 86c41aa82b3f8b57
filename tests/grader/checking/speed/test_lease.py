"""Leases between real processes."""

import os
import subprocess
import sys
import time

import pytest

from grader.checking.speed.lease import lease

HOLD = """
import sys, time
from grader.checking.speed.lease import lease
with lease(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(monkeypatch, tmp_path):
    """A process that holds a lease until its standard input is closed."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, "cpu"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.communicate()


def test_a_lease_is_waited_for(holder):
    started = time.monotonic()
    subprocess.Popen(["sh", "-c", f"sleep 0.3; kill {holder.pid}"]).wait()
    with lease("cpu"):
        assert time.monotonic() - started > 0.25


def test_a_lease_ends_with_its_process(holder):
    holder.kill()
    holder.wait()
    with lease("cpu"):
        pass


def test_other_resources_are_free_meanwhile(holder):
    with lease("GPU-1/../../x"):
        pass
    assert holder.poll() is None


def test_a_link_in_its_place_is_not_followed(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / f"onebyone-{os.geteuid()}-cpu.lease").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"), lease("cpu"):
        pass
    assert not (tmp_path / "elsewhere").exists()
