"""The whole examination on this machine, and what becomes of its findings."""

import json
from dataclasses import replace

import pytest

import grader.sandbox.docker
from grader.doctor import engine, examine, machine, table
from grader.doctor.examine import DOCTOR_KINDS, Examination, Item, require_fit
from grader.doctor.finding import CODES, NEVER_ACCEPTED, Severity, found
from grader.doctor.probing import LEFTOVERS
from grader.doctor.subject import Outcome
from grader.errors import InfrastructureFault, MachineUnfit
from grader.sandbox import image
from grader.text import columns

OLD_RUNC = found("escape-runc-cwd", "runc 1.1.11 has CVE-2024-21626.")
OPEN_SOCKET = found("engine-socket-open", "Everybody may write to the socket.")
LOW_DISK = found("disk-low", "/tmp has room for 300 MiB.")


@pytest.fixture
def sound(monkeypatch):
    """Leave out what this machine, and not the grader, decides."""
    monkeypatch.setattr(machine, "room", lambda _places: Outcome("enough"))
    monkeypatch.setattr(machine, "memory", lambda _text: Outcome("enough"))


def examination(*findings, accepted=()):
    item = Item("something", "seen", findings)
    return Examination("docker", (item,), frozenset(accepted), True, 1.0)


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=getattr(pytest.mark, kind)) for kind in DOCTOR_KINDS]
)
def test_hostile_code_finds_nothing_in_the_sandbox_as_it_is(kind, sound, request):
    request.getfixturevalue(f"{kind}_launcher")
    started, items = [], []
    result = examine.examine(kind, on_start=started.append, on_item=items.append)
    assert result.items == tuple(items)
    assert result.probed
    names = [item.name for item in items]
    assert len(set(names)) == len(names)
    tried = names[names.index("identity and privileges") :]
    assert started[-len(tried) :] == tried
    assert tried[-1] == LEFTOVERS
    assert [item.findings for item in items if item.name in tried] == [()] * len(tried)
    assert result.is_fit


@pytest.mark.docker
def test_without_probes_nothing_is_started(docker_launcher, sound, monkeypatch):
    monkeypatch.setattr(grader.sandbox.docker, "container_settings", None)
    result = examine.examine("docker", probes=False)
    assert result.is_fit
    assert not result.probed
    assert {"engine", "runc", "sandbox image", "hardening"} <= {i.name for i in result.items}
    assert LEFTOVERS not in {item.name for item in result.items}
    assert "nothing tried" in table.render_verdict(result)[0]


@pytest.mark.docker
def test_an_image_that_is_missing_is_an_error_where_it_is_not_built(
    docker_launcher, sound, monkeypatch
):
    monkeypatch.setattr(image, "_context_hash", lambda _context: "0" * 16)
    result = examine.examine("docker", probes=False)
    assert [finding.code for finding in result.errors] == ["image-missing"]


def test_an_image_that_is_about_to_be_built_is_noted():
    (finding,) = examine._judge_image(None, probes=True).findings
    assert (finding.code, finding.severity) == ("image-built", Severity.NOTE)


@pytest.mark.usefixtures("sound")
def test_without_an_engine_the_machine_is_not_fit(without_engine):
    with without_engine():
        result = examine.examine("docker")
    assert [finding.code for finding in result.errors] == ["sandbox-unavailable"]
    assert not result.is_fit


@pytest.mark.usefixtures("sound")
def test_an_engine_that_does_not_answer_cannot_be_accepted(without_engine):
    with without_engine(), pytest.raises(MachineUnfit, match="sandbox-unavail") as refusal:
        require_fit("docker")
    assert "--accept" not in str(refusal.value)


def test_a_sandbox_that_does_not_start_makes_it_unfit(monkeypatch, sound):
    def refuse(*_given, **_named):
        raise InfrastructureFault("bubblewrap cannot be found: install it.")

    monkeypatch.setattr(examine, "choose_sandbox", refuse)
    (finding,) = examine.examine("bubblewrap").errors
    assert finding.code == "sandbox-unavailable"
    assert "install it" in finding.message


@pytest.fixture
def unfit(monkeypatch):
    """A machine with two errors and a warning, where nothing else is looked at."""
    monkeypatch.setattr(
        examine,
        "_everything",
        lambda *_given: iter([("all", Outcome("seen", (LOW_DISK, OLD_RUNC, OPEN_SOCKET)))]),
    )


@pytest.mark.usefixtures("unfit")
def test_a_machine_that_is_not_fit_is_refused_and_told_how_to_accept():
    with pytest.raises(MachineUnfit) as refusal:
        require_fit("docker")
    message = str(refusal.value)
    for finding in (OLD_RUNC, OPEN_SOCKET):
        assert f"- {finding.code}: {finding.message} {finding.remedy}" in message
        assert f"--accept {finding.code}" in message
    assert LOW_DISK.code not in message


@pytest.mark.usefixtures("unfit")
def test_each_error_is_accepted_by_its_own_name():
    with pytest.raises(MachineUnfit) as refusal:
        require_fit("docker", frozenset({OLD_RUNC.code}))
    assert OLD_RUNC.code not in str(refusal.value)
    result = require_fit("docker", frozenset({OLD_RUNC.code, OPEN_SOCKET.code}))
    assert result.is_fit
    assert result.findings == (OLD_RUNC, OPEN_SOCKET, LOW_DISK)


def test_a_refused_machine_is_a_fault_of_ours():
    assert issubclass(MachineUnfit, InfrastructureFault)


@pytest.mark.parametrize("code", ["escape-runc", "no such code", ""])
def test_a_code_that_does_not_exist_cannot_be_accepted(code):
    with pytest.raises(ValueError, match="no finding has the code"):
        examine.examine("docker", accept=frozenset({code}))


def test_a_code_that_is_nearly_one_is_named():
    with pytest.raises(ValueError, match="did you mean memory-unbounded"):
        examine.require_acceptable("memory-unbound")


@pytest.mark.parametrize("code", sorted(NEVER_ACCEPTED))
def test_what_leaves_nothing_to_go_by_cannot_be_accepted(code):
    with pytest.raises(ValueError, match="cannot be accepted"):
        require_fit("docker", frozenset({code}))


def test_a_sandbox_that_isolates_nothing_is_not_examined():
    with pytest.raises(ValueError, match="process"):
        examine.examine("process")


def test_a_finding_needs_a_known_code():
    with pytest.raises(KeyError):
        found("no-such-code", "Something.")


# What is shown


LONG = "x" * 70 + " " + "word " * 60


def test_everything_fits_the_width():
    everything = [found(code, LONG, remedy=f"{kind.remedy} {LONG}") for code, kind in CODES.items()]
    shown = examination(*everything, accepted=CODES)
    lines = [*table.render_findings(shown), *table.render_verdict(shown)]
    lines += [table.render_item(replace(item, detail=LONG)) for item in shown.items]
    assert max(map(columns, lines)) <= 80
    for code in CODES:
        assert any(code in line for line in lines)


def test_the_worst_of_an_item_is_its_mark():
    for findings, mark in (
        ((), "ok"),
        ((found("no-gvisor", "None."),), "NOTE"),
        ((LOW_DISK, found("no-gvisor", "None.")), "WARNING"),
        ((LOW_DISK, OLD_RUNC), "ERROR"),
    ):
        assert table.render_item(Item("thing", "seen", findings)).split()[0] == mark


def test_errors_come_first_and_say_what_was_accepted():
    lines = table.render_findings(examination(LOW_DISK, OLD_RUNC, accepted={OLD_RUNC.code}))
    heads = [line for line in lines if not line.startswith(" ")]
    assert heads == ["ERROR escape-runc-cwd (accepted)", "WARNING disk-low"]


def test_the_verdict_counts():
    (line,) = table.render_verdict(examination(LOW_DISK, OLD_RUNC, OPEN_SOCKET))
    start = "NOT FIT for strangers' code in docker: 1 item, 2 errors, 1 warning, 0 notes"
    assert line.startswith(start)


def test_what_comes_from_elsewhere_changes_no_other_text():
    evil = replace(LOW_DISK, message="\x1b[2Jgone\u202e")
    shown = examination(evil)
    assert not {"\x1b", "\u202e"} & set("".join(table.render_findings(shown)))
    assert "\x1b" not in table.render_item(Item("thing", "\x1b[2J", ()))


def test_json_has_all_of_it():
    shown = examination(LOW_DISK, OLD_RUNC, accepted={OLD_RUNC.code})
    document = json.loads(table.to_json(shown))
    assert document["fit"] is True
    assert document["accepted"] == [OLD_RUNC.code]
    (item,) = document["items"]
    assert [(f["code"], f["severity"], f["accepted"]) for f in item["findings"]] == [
        ("disk-low", "warning", False),
        ("escape-runc-cwd", "error", True),
    ]


@pytest.mark.docker
def test_the_engine_here_tells_its_versions(docker_launcher):
    facts = engine.ask_engine()
    assert facts.versions["engine"] == facts.info["ServerVersion"]
