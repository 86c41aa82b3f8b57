"""The pytest plugin: what checks are given.

It serves two kinds of run with the same check files. In a grading, `grader.checking.run` puts a
`CheckContext` with a sandboxed student in place. In a plain `pytest assignments/<slug>/checks`,
the student is the reference solution (or `--student FILE`), imported into this process: for
authors only.
"""

import importlib.util
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from grader.assignment import Assignment, load_assignment
from grader.checking.decorators import derive_seed
from grader.checking.speed.checker import SpeedChecker, UntimedChecker
from grader.checking.student import LocalModule, local_device
from grader.checking.style import StyleChecker
from grader.errors import SandboxUnavailable


@dataclass(frozen=True)
class CheckContext:
    """What the fixtures hand out.

    Attributes:
        student: Called at the start of each check; gives the student's module.
        reference: The assignment's reference module.
        seed: Of the whole grading.
        speed: Called at the start of each check of speed, with its seed.
        style: Looks at the student's source.
    """

    student: Callable[[], Any]
    reference: ModuleType
    seed: int
    speed: Callable[[int], SpeedChecker]
    style: StyleChecker


CONTEXT = pytest.StashKey[CheckContext]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of a plain run."""
    group = parser.getgroup("onebyone", "checks of an Onebyone assignment")
    group.addoption("--student", help="layers.py to check, in this process (trusted code only)")
    group.addoption("--check-seed", type=int, help="seed of the drawn cases (default: random)")


def pytest_report_header(config: pytest.Config) -> str | None:
    """Tell the seed of a plain run that was given one."""
    seed = config.getoption("--check-seed")
    return None if seed is None else f"onebyone: seed {seed}"


def pytest_pycollect_makemodule(module_path: Path) -> None:
    """Let the check files of an assignment import what lies beside them."""
    folder = str(module_path.parent)
    if (module_path.parent.parent / "assignment.toml").is_file() and folder not in sys.path:
        sys.path.insert(0, folder)


@pytest.fixture
def student(request: pytest.FixtureRequest) -> Any:
    """The student's module: its declared exports, and `hold`."""
    return _context(request).student()


@pytest.fixture
def reference(request: pytest.FixtureRequest) -> ModuleType:
    """The assignment's trusted module: `reference/oracle.py`, else `reference/solution.py`."""
    return _context(request).reference


@pytest.fixture
def case_seed(request: pytest.FixtureRequest) -> int:
    """This check's own seed, a function of the grading's seed and the check's name."""
    return derive_seed(_context(request).seed, check_id(request.node))


@pytest.fixture
def rng(case_seed: int) -> np.random.Generator:
    """A generator of this check's own."""
    return np.random.default_rng(case_seed)


@pytest.fixture
def speed(request: pytest.FixtureRequest, case_seed: int) -> SpeedChecker:
    """Judges speed and memory against the reference; untimed in a plain run."""
    return _context(request).speed(case_seed)


@pytest.fixture
def style(request: pytest.FixtureRequest) -> StyleChecker:
    """Judges whether the student's source keeps to `[style]` in assignment.toml."""
    return _context(request).style


def check_id(item: pytest.Item) -> str:
    """How reports name a check: `test_file.py::test_name`, the path being relative to `checks/`."""
    path = item.path
    folder = next((p for p in path.parents if p.name == "checks"), path.parent)
    _file, _, name = item.nodeid.partition("::")
    return f"{path.relative_to(folder).as_posix()}::{name}"


def load_reference(assignment: Assignment) -> ModuleType:
    """Import the assignment's trusted module afresh."""
    oracle = assignment.reference / "oracle.py"
    path = oracle if oracle.is_file() else assignment.reference / "solution.py"
    return import_file(path, f"onebyone_reference_{assignment.sha256[:16]}")


def import_file(path: Path, name: str) -> ModuleType:
    """Import a file of trusted code under a name of our choice."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise pytest.UsageError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _context(request: pytest.FixtureRequest) -> CheckContext:
    graded = request.config.stash.get(CONTEXT, None)
    if graded is not None:
        return graded
    for folder in request.path.parents:
        if (folder / "assignment.toml").is_file():
            return _plain_context(
                folder, request.config.getoption("--student"), _plain_seed(request.config)
            )
    raise pytest.UsageError("this fixture is for checks below a folder with an assignment.toml")


_SEED = pytest.StashKey[int]()


def _plain_seed(config: pytest.Config) -> int:
    given = config.getoption("--check-seed")
    return config.stash.setdefault(_SEED, secrets.randbits(32) if given is None else int(given))


@cache
def _plain_context(folder: Path, student_file: str | None, seed: int) -> CheckContext:
    assignment = load_assignment(folder)
    path = Path(student_file) if student_file else assignment.reference / "solution.py"
    try:
        device = local_device(assignment.runtime)
    except SandboxUnavailable as error:
        raise pytest.UsageError(str(error)) from None
    module = LocalModule(import_file(path, "onebyone_student"), device)
    return CheckContext(
        student=lambda: module,
        reference=load_reference(assignment),
        seed=seed,
        speed=lambda case_seed: UntimedChecker(module, case_seed),
        style=StyleChecker({path.name: path.read_bytes()}, assignment.style.forbidden),
    )
