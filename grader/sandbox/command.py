"""How an agent is started; the same in every sandbox."""

import math
from pathlib import Path

from grader.sandbox.limits import Limits

AGENT_FOLDER = Path(__file__).parent / "agent"
"""The only files of ours that enter a sandbox."""


def agent_command(
    python: str, *, agent: str, channel: str, output: str, scratch: str, inbox: str
) -> tuple[str, ...]:
    """The agent's command line.

    Args:
        python: The interpreter, as the sandbox sees it.
        agent: The folder of the agent's files, as the sandbox sees it.
        channel: `fd:N` (an inherited socket), `unix:PATH` (a socket to connect to) or `stdio:`.
        output: The same, for printed output; connected after the channel.
        scratch: An empty writable folder, as the sandbox sees it.
        inbox: `fd:N` or `file:PATH`: what the trusted end places for reading.
    """
    return (python, "-I", "-B", agent, channel, output, scratch, inbox)


def agent_environment(limits: Limits, scratch: str) -> dict[str, str]:
    """The whole environment of the agent: nothing is inherited."""
    threads = str(math.ceil(limits.cpus))
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": scratch,
        "TMPDIR": scratch,
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
    }
