"""A PostgreSQL server of our own, for as long as the tests run."""

import itertools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from .waiting import free_port

_numbers = itertools.count(1)


def find_binaries():
    """Folder of an installed PostgreSQL's programs; None without one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    on_path = shutil.which("initdb")
    return found[-1] if found else Path(on_path).parent if on_path else None


def _as_server(command):
    """PostgreSQL refuses to run as root."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


class PostgresServer:
    """A server in a folder of its own, that listens on this machine only.

    Args:
        binaries: Folder of its programs.
    """

    def __init__(self, binaries):
        self._binaries = binaries
        self.folder = Path(tempfile.mkdtemp(prefix="onebyone-pg-"))
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
        self.port = free_port()
        data = self.folder / "data"
        self._run("initdb", "--pgdata", data, "--auth=trust", "--username=tests")

    def start(self):
        """Start, and wait until it is up."""
        options = f"-p {self.port} -k {self.folder} -h 127.0.0.1 -c fsync=off"
        self._control("-w", "-l", self.folder / "log", "-o", options, "start")
        return self

    def kill(self):
        """End it as a crash would."""
        self._control("-m", "immediate", "-w", "stop")

    def remove(self):
        """End it, and leave nothing."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_database(self):
        """URL of a fresh one."""
        import psycopg

        name, place = f"test_{next(_numbers)}", f"tests@127.0.0.1:{self.port}"
        with psycopg.connect(f"postgresql://{place}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://{place}/{name}"

    def _control(self, *words):
        self._run("pg_ctl", "--pgdata", self.folder / "data", *words)

    def _run(self, program, *words):
        command = [str(self._binaries / program), *map(str, words)]
        subprocess.run(_as_server(command), check=True, capture_output=True, cwd="/")


@pytest.fixture(scope="session")
def postgresql_server():
    """A running server; without one installed, a laptop skips and CI fails."""
    binaries = find_binaries()
    if binaries is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs PostgreSQL: apt-get install postgresql", pytrace=False)
        pytest.skip("PostgreSQL is not installed")
    server = PostgresServer(binaries).start()
    yield server
    server.remove()


@pytest.fixture
def postgresql_url(postgresql_server):
    """Of a fresh database."""
    return postgresql_server.new_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def each_database_url(request):
    """Each kind of database in turn; empty for the default."""
    return "" if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
