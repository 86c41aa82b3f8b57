"""A PostgreSQL server of our own, for as long as the tests run."""

import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

_numbers = itertools.count(1)


def _binaries():
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    on_path = shutil.which("initdb")
    return found[-1] if found else Path(on_path).parent if on_path else None


def _as_server(command):
    """PostgreSQL refuses to run as root."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


@pytest.fixture(scope="session")
def postgresql_server():
    """Port of a running server; without one installed, a laptop skips and CI fails."""
    binaries = _binaries()
    if binaries is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs PostgreSQL: apt-get install postgresql", pytrace=False)
        pytest.skip("PostgreSQL is not installed")
    folder = Path(tempfile.mkdtemp(prefix="onebyone-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(*command):
        subprocess.run(_as_server([*map(str, command)]), check=True, capture_output=True, cwd="/")

    run(binaries / "initdb", "--pgdata", folder / "data", "--auth=trust", "--username=tests")
    options = f"-p {port} -k {folder} -h 127.0.0.1 -c fsync=off"
    log = folder / "log"
    run(binaries / "pg_ctl", "--pgdata", folder / "data", "-w", "-l", log, "-o", options, "start")
    yield port
    run(binaries / "pg_ctl", "--pgdata", folder / "data", "-m", "immediate", "-w", "stop")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgresql_url(postgresql_server):
    """Of a fresh database."""
    import psycopg

    name = f"test_{next(_numbers)}"
    place = f"tests@127.0.0.1:{postgresql_server}"
    with psycopg.connect(f"postgresql://{place}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"postgresql+psycopg://{place}/{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def each_database_url(request):
    """Each kind of database in turn; empty for the default."""
    return "" if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
