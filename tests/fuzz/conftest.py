"""What the tests of this folder share."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def guided(tmp_path):
    """Runs a target under Atheris for so many inputs. Without it, a laptop skips and CI fails."""
    if find_spec("atheris") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs atheris: make test", pytrace=False)
        pytest.skip("atheris is not installed (the extra `fuzz`)")

    def run(target, runs):
        command = [sys.executable, "-m", "tests.fuzz.run", "--target", target]
        command += ["--runs", str(runs), "--seed", "1", "--kept", str(tmp_path)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    return run
