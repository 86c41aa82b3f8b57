"""Keys for the parts of a service: each gets its own, and a real broker takes its definitions."""

import json
import subprocess
import sys

import pytest
from amqp import Message
from amqp.exceptions import AccessRefused
from kombu import Connection

from web.dispatch.keys import make_keys, rights
from web.dispatch.topology import declare, queues

from ..rabbitmq import Broker
from ..waiting import free_port

WHERE = {"broker": "127.0.0.1:5672", "database": "127.0.0.1:5432/onebyone"}


def test_each_part_has_its_own_and_no_other(tmp_path):
    make_keys(tmp_path, **WHERE)
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {
        "broker/definitions.json",
        "control/broker_url",
        "control/database_url",
        "control/secret_key",
        "database/password",
        "recorder/broker_url",
        "runner-cpu/broker_url",
        "runner-gpu/broker_url",
    }
    contents = [(tmp_path / name).read_text() for name in sorted(found)]
    assert len(set(contents)) == len(contents)
    password = (tmp_path / "database" / "password").read_text().strip()
    assert password in (tmp_path / "control" / "database_url").read_text()
    for part in ("runner-cpu", "runner-gpu", "recorder", "broker"):
        assert all(password not in path.read_text() for path in (tmp_path / part).iterdir())


def test_what_is_there_stays(tmp_path):
    assert len(make_keys(tmp_path, **WHERE)) == 8
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert make_keys(tmp_path, **WHERE) == []
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"users": [{"name": "control"}]}'])
def test_the_brokers_definitions_follow_the_version(tmp_path, content):
    make_keys(tmp_path, **WHERE)
    definitions = tmp_path / "broker" / "definitions.json"
    definitions.unlink()
    definitions.write_text(content)
    assert make_keys(tmp_path, **WHERE) == [definitions]
    assert len(json.loads(definitions.read_text())["queues"]) == len(queues())


def test_a_real_broker_loads_them(tmp_path):
    port = free_port()
    make_keys(tmp_path / "keys", broker=f"127.0.0.1:{port}", database="nowhere/none")
    broker = Broker(port, tmp_path / "broker")
    broker.definitions = tmp_path / "keys" / "broker" / "definitions.json"
    broker.start()
    try:
        users = broker.control("list_users", "--quiet").splitlines()[1:]
        assert sorted(line.split("\t")[0] for line in users) == sorted(rights())
        for user in rights():
            url = (tmp_path / "keys" / user / "broker_url").read_text().strip()
            with Connection(url) as connection:
                connection.connect()
        control = (tmp_path / "keys" / "control" / "broker_url").read_text().strip()
        with Connection(control) as connection:
            declare(connection)  # the same as the relay declares, or it is refused
        recorder = (tmp_path / "keys" / "recorder" / "broker_url").read_text().strip()
        with Connection(recorder) as connection, connection.channel() as channel:
            for name in ("reports", "dead"):
                channel.basic_get(name)
            with pytest.raises(AccessRefused):
                channel.basic_get("grade.cpu")
        with Connection(recorder) as connection, connection.channel() as channel:
            channel.confirm_select()
            with pytest.raises(AccessRefused):
                channel.basic_publish_confirm(Message(b"x"), "grade", "grade.cpu", timeout=5)
    finally:
        broker.stop()


def test_from_the_command_line(tmp_path):
    def keys(folder):
        return subprocess.run(
            [sys.executable, "-m", "grader", "keys", folder],
            capture_output=True,
            text=True,
            check=False,
        )

    assert "secret_key" in keys(tmp_path / "keys").stdout
    assert keys(tmp_path / "keys").stdout == "All keys are there.\n"
    (tmp_path / "file").write_text("")
    refused = keys(tmp_path / "file")
    assert refused.returncode == 2
    assert "cannot be kept" in refused.stderr
