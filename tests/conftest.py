"""What tests of several folders share: real sandboxes, or an honest reason why not."""

import contextlib
import gc
import os
import warnings
from importlib.util import find_spec

import pytest

from grader.errors import InfrastructureFault
from grader.sandbox.select import choose_sandbox


@contextlib.contextmanager
def no_complaint_of_the_sdk():
    """The engine's SDK forgets to close a socket that does not connect."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


def pytest_report_header() -> str:
    reason = "none"
    with no_complaint_of_the_sdk():
        try:
            choice = choose_sandbox(own_code=True)
            choice.launcher.close()
            reason = choice.reason
        except InfrastructureFault as error:
            reason = f"none ({error})"
    return f"sandbox: {reason}"


def pytest_configure() -> None:
    """Without the libraries that judge our references, a laptop skips and CI fails."""
    if os.environ.get("CI") == "true":
        missing = [name for name in ("torch", "keras", "onnx") if find_spec(name) is None]
        if missing:
            pytest.exit(f"CI needs {', '.join(missing)}: make test", returncode=3)


def _need(kind: str):
    """The launcher of this kind. Without it, a laptop skips and CI fails."""
    reason = ""
    with no_complaint_of_the_sdk():
        try:
            return choose_sandbox(kind).launcher
        except InfrastructureFault as error:
            reason = str(error)
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI needs the {kind} sandbox: {reason}", pytrace=False)
    pytest.skip(f"no {kind} sandbox: {reason}")


@pytest.fixture(scope="session")
def docker_launcher():
    launcher = _need("docker")
    yield launcher
    launcher.close()


@pytest.fixture(scope="session")
def bubblewrap_launcher():
    launcher = _need("bubblewrap")
    yield launcher
    launcher.close()


@pytest.fixture(scope="session")
def process_launcher():
    launcher = _need("process")
    yield launcher
    launcher.close()


@pytest.fixture(
    params=[
        pytest.param("docker", marks=pytest.mark.docker),
        pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
        "process",
    ]
)
def any_launcher(request):
    """Each sandbox in turn."""
    return request.getfixturevalue(f"{request.param}_launcher")


@pytest.fixture(
    params=[
        pytest.param("docker", marks=pytest.mark.docker),
        pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
    ]
)
def isolating_launcher(request):
    """Each sandbox that isolates, in turn."""
    return request.getfixturevalue(f"{request.param}_launcher")
