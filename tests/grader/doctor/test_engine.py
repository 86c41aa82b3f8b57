"""What an engine says of itself, from recorded answers, and who may talk to it."""

import json
import socket
from pathlib import Path

import pytest

from grader.doctor import engine, escapes
from grader.doctor.finding import Severity

ANSWERS = Path(__file__).parent / "answers"
FEATURES = {"annotations": {"run.oci.crun.version": "1.14.1"}}
CRUN = {"path": "crun", "status": {engine._FEATURES: json.dumps(FEATURES)}}


@pytest.fixture
def answer():
    return json.loads((ANSWERS / "debian_12.json").read_text())


@pytest.fixture
def info(answer):
    return answer["info"]


def codes(outcome):
    return [finding.code for finding in outcome.findings]


# Versions


def test_versions_are_the_fullest_that_the_engine_gives(answer):
    assert engine.read_facts(**answer).versions == {
        "engine": "20.10.24+dfsg1",
        "containerd": "1.6.20~ds1-1+deb12u3",
        "runc": "1.1.5+ds1-1+deb12u1",
    }


def test_a_projects_own_build_gives_a_commit_that_is_no_version(answer):
    for component in answer["version"]["Components"]:
        if component["Name"] == "runc":
            component |= {"Version": "1.2.5", "Details": {"GitCommit": "v1.2.5-0-g59923ef"}}
    assert engine.read_facts(**answer).versions["runc"] == "1.2.5"


def test_an_engine_that_runs_containers_by_crun_is_not_judged_by_runc(answer):
    answer["info"]["Runtimes"]["crun"] = CRUN
    assert engine.read_facts(**answer).versions["runc"] == "1.1.5+ds1-1+deb12u1"
    answer["info"]["DefaultRuntime"] = "crun"
    versions = engine.read_facts(**answer).versions
    assert versions["crun"] == "1.14.1"
    assert "runc" not in versions


def test_nor_is_one_that_runs_them_by_gvisor(answer):
    answer["info"] |= {"DefaultRuntime": "runsc"}
    assert "runc" not in engine.read_facts(**answer).versions


def test_an_engine_that_names_no_components_has_its_own_version(answer):
    del answer["version"]["Components"]
    assert engine.read_facts(**answer).versions == {"engine": "20.10.24+dfsg1"}


def test_a_projects_own_old_version_is_an_error():
    outcome = engine.judge_version(escapes.RUNC, "1.1.11")
    assert codes(outcome) == ["escape-runc-cwd", "escape-runc-mounts"]
    assert {finding.severity for finding in outcome.findings} == {Severity.ERROR}
    assert "1.1.12" in outcome.findings[0].remedy


def test_a_distributions_old_version_is_a_warning_that_points_to_its_tracker():
    outcome = engine.judge_version(escapes.RUNC, "1.1.5+ds1-1+deb12u1")
    assert codes(outcome) == ["escape-runc-cwd", "escape-runc-mounts"]
    for finding in outcome.findings:
        assert finding.severity is Severity.WARNING
        assert "may have mended" in finding.message
        assert "tracker" in finding.remedy


@pytest.mark.parametrize(
    ("component", "text"),
    [
        (escapes.RUNC, "1.2.8"),
        (escapes.RUNC, "1.3.3"),
        (escapes.RUNC, "1.4.0"),
        (escapes.NVIDIA, "1.17.8"),
        (escapes.ENGINE, "29.5.1"),
        (escapes.CONTAINERD, "1.7.27"),
        (escapes.CRUN, "1.27"),
        (escapes.KERNEL, "6.18.44"),
        (escapes.KERNEL, "6.1.170-1-amd64"),
        (escapes.KERNEL, "4.9.337"),
    ],
)
def test_a_mended_version_gives_no_finding(component, text):
    assert codes(engine.judge_version(component, text)) == []


def test_what_the_grader_never_does_is_worth_a_note():
    for component, text in ((escapes.ENGINE, "28.5.2"), (escapes.KERNEL, "6.12.84")):
        (finding,) = engine.judge_version(component, text).findings
        assert finding.severity is Severity.NOTE


def test_the_toolkit_that_mended_half_is_still_open():
    assert codes(engine.judge_version(escapes.NVIDIA, "1.16.2")) == [
        "escape-nvidia-toctou",
        "escape-nvidia-hooks",
    ]


def test_a_version_that_nobody_knows_is_said_so():
    assert codes(engine.judge_version(escapes.RUNC, "unknown")) == ["version-unknown"]


# Limits and hardening


def test_an_engine_that_limits_everything_gives_no_finding(info):
    outcome = engine.judge_limits(info, swap=True)
    assert codes(outcome) == []
    assert outcome.detail == "cgroup v1, cgroupfs"


@pytest.mark.parametrize("key", ["MemoryLimit", "PidsLimit", "CpuCfsQuota"])
def test_a_limit_that_the_engine_lacks_is_an_error(info, key):
    assert codes(engine.judge_limits({**info, key: False}, swap=False)) == ["engine-cannot-limit"]


@pytest.mark.parametrize(("swap", "severity"), [(True, Severity.ERROR), (False, Severity.WARNING)])
def test_unlimited_swap_is_an_error_where_there_is_swap(info, swap, severity):
    (finding,) = engine.judge_limits({**info, "SwapLimit": False}, swap=swap).findings
    assert (finding.code, finding.severity) == ("swap-unlimited", severity)


def test_an_engine_without_seccomp_is_found(info):
    info["SecurityOptions"] = ["name=apparmor"]
    assert codes(engine.judge_limits(info, swap=False)) == ["engine-without-seccomp"]


def test_a_warning_of_the_engine_is_passed_on(info):
    info["Warnings"] = ["WARNING: No blkio throttle.read_bps_device support\x1b[2J"]
    (finding,) = engine.judge_limits(info, swap=False).findings
    assert finding.code == "engine-warns"
    assert finding.message == "WARNING: No blkio throttle.read_bps_device support"


def test_what_would_be_harder_still_is_noted(info):
    assert codes(engine.judge_hardening(info)) == ["engine-as-root", "no-gvisor"]


@pytest.mark.parametrize("option", ["name=rootless", "name=userns"])
def test_an_engine_that_is_hardened_gives_no_note(info, option):
    info["SecurityOptions"].append(option)
    info["Runtimes"]["runsc"] = {"path": "runsc"}
    assert codes(engine.judge_hardening(info)) == []


# Access


@pytest.mark.parametrize(("mode", "expected"), [(0o660, []), (0o666, ["engine-socket-open"])])
def test_a_socket_for_everybody_is_found(tmp_path, mode, expected):
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(mode)
        assert codes(engine.judge_access({"DOCKER_HOST": f"unix://{path}"})) == expected


def test_plain_tcp_is_found_and_tls_is_not():
    plain = {"DOCKER_HOST": "tcp://10.0.0.5:2375"}
    assert codes(engine.judge_access(plain)) == ["engine-over-network"]
    assert codes(engine.judge_access({**plain, "DOCKER_TLS_VERIFY": "1"})) == []


def test_only_an_engine_behind_a_local_socket_is_on_this_machine():
    assert engine.is_here({})
    assert not engine.is_here({"DOCKER_HOST": "ssh://runner"})


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ("nvidia-ctk", "NVIDIA Container Toolkit CLI version 1.17.7\ncommit: 5aa5e1c"),
        ("nvidia-container-cli", "cli-version: 1.17.7\nlib-version: 1.17.7"),
    ],
)
def test_the_toolkits_version_is_read_from_what_it_prints(tmp_path, monkeypatch, tool, said):
    program = tmp_path / tool
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{said}\nEND\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert engine.toolkit_version() == "1.17.7"


def test_without_the_toolkit_there_is_no_version(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert engine.toolkit_version() is None
