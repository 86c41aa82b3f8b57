import sys
from pathlib import Path

import pytest

from grader.checking.plugin import import_file

ASSIGNMENT = Path(__file__).parents[2] / "assignments" / "dense-conv1x1"
REFERENCE = ASSIGNMENT / "reference"
sys.path.insert(0, str(ASSIGNMENT / "checks"))  # as in a grading


@pytest.fixture(scope="session")
def torch():
    return pytest.importorskip("torch")


@pytest.fixture(scope="session")
def keras(torch):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "torch")
        module = pytest.importorskip("keras")
    assert module.backend.backend() == "torch"
    return module


@pytest.fixture(scope="session")
def solution():
    return import_file(REFERENCE / "solution.py", "dense_conv1x1_solution")


@pytest.fixture(scope="session")
def oracle():
    return import_file(REFERENCE / "oracle.py", "dense_conv1x1_oracle")
