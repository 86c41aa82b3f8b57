"""Questions to the container engine."""

import contextlib
from collections.abc import Iterator

import docker
import docker.errors
import requests

from grader.errors import InfrastructureFault, SandboxUnavailable

_SECONDS = 20


@contextlib.contextmanager
def engine() -> Iterator[docker.DockerClient]:
    """A client of the engine, closed at the end.

    Raises:
        SandboxUnavailable: No engine answers.
        InfrastructureFault: It fails at what it is asked.
    """
    try:
        client = docker.from_env(timeout=_SECONDS)
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise SandboxUnavailable(
            f"no container engine answers ({error}): start Docker, or let this user use it"
        ) from error
    try:
        yield client
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise InfrastructureFault(f"The container engine failed: {error}. Try again.") from error
    finally:
        client.close()
