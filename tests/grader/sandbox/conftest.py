"""What the sandboxes' tests share: an agent that runs any code, and a way to ask it."""

import os
import textwrap
from pathlib import Path

import pytest

from grader.errors import SandboxUnavailable
from grader.sandbox.bubblewrap import BubblewrapLauncher

PROBE_AGENT = Path(__file__).parent / "probe_agent"


@pytest.fixture(scope="session")
def probe_agent():
    return PROBE_AGENT


@pytest.fixture(scope="session")
def probing_bubblewrap():
    """A bubblewrap launcher whose agent is the probe. Without it, a laptop skips and CI fails."""
    try:
        return BubblewrapLauncher(agent=PROBE_AGENT)
    except SandboxUnavailable as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI needs the bubblewrap sandbox: {error}", pytrace=False)
        pytest.skip(f"no bubblewrap sandbox: {error}")


@pytest.fixture(scope="session")
def ask():
    """Runs code in a sandbox; what it printed, or None where the agent has gone."""

    def read(channel, count):
        parts = b""
        while len(parts) < count:
            part = channel.recv(count - len(parts))
            if not part:
                raise EOFError
            parts += part
        return parts

    def ask(sandbox, code, *, seconds=30.0):
        message = textwrap.dedent(code).encode()
        sandbox.channel.settimeout(seconds)
        try:
            sandbox.channel.sendall(len(message).to_bytes(8, "big") + message)
            size = int.from_bytes(read(sandbox.channel, 8), "big")
            return read(sandbox.channel, size).decode().strip()
        except (EOFError, ConnectionError):
            return None

    return ask


@pytest.fixture(scope="session")
def is_dead():
    """Whether a process has ended; one that waits to be reaped has."""

    def is_dead(pid):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return True
        return stat.rpartition(")")[2].split()[0] in "ZX"

    return is_dead
