"""The whole service in containers, started once for a module: what follows needs quiet."""

import os
import secrets

import pytest

from ..web.browser.conftest import chromium, open_page  # noqa: F401
from ..web.waiting import free_port
from .composing import Composed, find_compose


@pytest.fixture(scope="session")
def compose(docker_launcher):
    """Compose v2 and an engine. Without them, a laptop skips and CI fails."""
    command = find_compose()
    if command is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs Compose v2: make test installs it", pytrace=False)
        pytest.skip("no Compose v2")
    return command


@pytest.fixture(scope="module")
def composed(compose):
    service = Composed(compose, f"onebyone-{secrets.token_hex(4)}", free_port())
    try:
        service("up", "--build", "--detach", "--wait", timeout=900)
        yield service
    finally:
        service("--profile", "gpu", "down", "--volumes", "--timeout", "10", check=False)


@pytest.fixture
def address(composed):
    """For the browser."""
    return composed.address
