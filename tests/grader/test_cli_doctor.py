"""`grader doctor`: what is asked, what comes out, and with which exit status."""

import json

import pytest

from grader.cli import main
from grader.doctor import machine
from grader.doctor.subject import Outcome
from grader.text import columns


@pytest.fixture(autouse=True)
def sound(monkeypatch):
    """Leave out what this machine, and not the grader, decides."""
    monkeypatch.setattr(machine, "room", lambda _places: Outcome("enough"))
    monkeypatch.setattr(machine, "memory", lambda _text: Outcome("enough"))
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.docker
def test_a_fit_machine_is_said_to_be_fit(docker_launcher, capsys):
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert max(columns(line) for line in out.splitlines()) <= 80
    assert "ok      memory bomb" in out
    assert out.splitlines()[-1].startswith("FIT for strangers' code in docker")


@pytest.mark.bubblewrap
def test_json_is_one_document(bubblewrap_launcher, capsys):
    assert main(["doctor", "--sandbox", "bubblewrap", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["sandbox"] == "bubblewrap"
    assert document["fit"] is True
    assert "fork bomb" in {item["name"] for item in document["items"]}


def test_a_machine_without_an_engine_is_not_fit(without_engine, capsys):
    with without_engine():
        assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "ERROR sandbox-unavailable" in out
    assert "NOT FIT" in out.splitlines()[-1]


def test_findings_are_accepted_by_name(without_engine, capsys):
    plain = ["doctor", "--without-probes", "--format", "json"]
    with without_engine("tcp://127.0.0.1:1"):
        assert main([*plain, "--accept", "engine-over-network", "disk-low"]) == 1
    document = json.loads(capsys.readouterr().out)
    findings = {f["code"]: f["accepted"] for item in document["items"] for f in item["findings"]}
    assert findings["engine-over-network"] is True
    assert findings["sandbox-unavailable"] is False


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--accept", "memory-unbound"], "did you mean memory-unbounded?"),
        (["--accept", "sandbox-unavailable"], "cannot be accepted"),
        (["--sandbox", "process"], "invalid choice"),
    ],
)
def test_what_cannot_be_asked_is_a_usage_error(arguments, complaint, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["doctor", *arguments])
    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_machine_that_cannot_be_looked_at_is_a_fault(monkeypatch, capsys):
    def fail(_text):
        raise PermissionError("no /proc here")

    monkeypatch.setattr(machine, "memory", fail)
    assert main(["doctor", "--sandbox", "bubblewrap"]) == 3
    assert "COULD NOT EXAMINE: no /proc here" in capsys.readouterr().err
