"""A service as `docker compose up` starts it, under a name of its own."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

TOP = Path(__file__).parent.parent.parent
_OF_THE_ENVIRONMENT = Path(sys.executable).parent / "docker-compose"


def find_compose():
    """Its command line; None where there is no Compose v2 with an engine."""
    for command in (["docker", "compose"], [str(_OF_THE_ENVIRONMENT)], ["docker-compose"]):
        if shutil.which(command[0]) is None:
            continue
        answer = subprocess.run(
            [*command, "version", "--short"], capture_output=True, text=True, check=False
        )
        if answer.returncode == 0 and answer.stdout.strip().lstrip("v").split(".")[0] == "2":
            return command
    return None


@dataclass
class Composed:
    """A project of Compose.

    Attributes:
        command: Of Compose.
        project: Its name.
        port: That the proxy listens on, of this machine.
        variables: More of the environment.
    """

    command: list[str]
    project: str
    port: int
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def address(self):
        """Where browsers go."""
        return f"http://127.0.0.1:{self.port}"

    def __call__(self, *words, given=None, check=True, timeout=600):
        """Run it; gives what it printed."""
        answer = subprocess.run(
            [*self.command, "--project-name", self.project, "--progress", "plain", *words],
            cwd=TOP,
            env={
                **os.environ,
                "ONEBYONE_LISTEN": f"127.0.0.1:{self.port}",
                **self.variables,
            },
            input=given,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        if check:
            assert answer.returncode == 0, (answer.stdout + answer.stderr).decode()[-4000:]
        return answer.stdout.decode()

    def admin(self, *words, given=None):
        """`grader admin`, as whoever runs the service does it."""
        return self("exec", "-T", "web", "grader", "admin", *words, given=given)

    def python(self, service, program):
        """What a program prints that runs in a container of a service."""
        return self("exec", "-T", service, "python", "-c", program)

    def containers(self):
        """What the engine says of each running container, by service."""
        ids = self("ps", "--quiet").split()
        told = json.loads(subprocess.check_output(["docker", "inspect", *ids]))
        return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in told}
