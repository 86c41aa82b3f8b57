"""A service in a process of its own, which can be killed."""

import os
import re
import selectors
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import requests

from web.accounts.services import create_token, create_user
from web.courses.models import Role
from web.courses.services import create_course, enrol, set_assignment
from web.database import Database, now
from web.grading.versions import add_version
from web.migrating import migrate
from web.settings import read_settings

ADDRESS = re.compile(r"at (http://\S+)/")


@dataclass
class ServiceProcess:
    """`grader serve` on a data folder.

    Args:
        data: The folder.
        environment: Settings.
        port: To listen on; 0 for any.
    """

    data: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen | None = None
    address: str = ""

    def start(self, seconds=60.0):
        """Start, and wait for its address."""
        with (self.data / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "grader",
                    "serve",
                    "--data",
                    self.data,
                    "--port",
                    str(self.port),
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "ONEBYONE_SANDBOX": "process", **self.environment},
            )
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            assert selector.select(seconds), (self.data / "log").read_text()[-2000:]
        line = self.process.stdout.readline()
        found = ADDRESS.search(line)
        assert found, line + (self.data / "log").read_text()[-2000:]
        self.address = found[1]
        return self

    def kill(self):
        """As a power cut would end it."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        """As an operator would end it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.process.stdout.close()

    def hand_in(self, token, code, key, seconds=10.0, **headers):
        """Over HTTP; the receipt's document, or None where there was no answer."""
        try:
            answer = requests.post(
                f"{self.address}/api/v1/courses/two/assignments/doubling/submissions",
                headers={"Authorization": f"Bearer {token}", "Idempotency-Key": key, **headers},
                files=[("files", ("double.py", code))],
                timeout=seconds,
            )
        except requests.RequestException:
            return None
        if answer.status_code in (200, 201):
            return answer.json()
        assert answer.status_code == 503, answer.text
        return None


def prepare(data, assignment, students, environment=None):
    """A data folder with a course; gives a token of each student."""
    data.mkdir(parents=True)
    database = Database(read_settings(environment or {}, data=data).url)
    migrate(database)
    version = add_version(database, data, assignment)
    tokens = []
    with database.writing() as session:
        course = create_course(session, None, "two", "Twice")
        for number in range(students):
            student = create_user(session, f"s{number}", f"Student {number}")
            enrol(session, course.id, student.id, Role.STUDENT)
            _token, text = create_token(session, student, "test", ["submit", "read"])
            tokens.append(text)
        set_assignment(session, None, course.id, version.id).opens_at = now()
    database.close()
    return tokens
