"""Ways of taking a limit or a wall away, on the real engine, each found under the right code."""

import contextlib
from pathlib import Path

import pytest

import grader.sandbox.docker
from grader.doctor import bombs, calls, outside, subject, walls
from grader.doctor.probing import LEFTOVERS, run_probes
from grader.doctor.walls import CANARY_VARIABLE
from grader.sandbox import cgroups
from grader.sandbox.bubblewrap import BubblewrapLauncher
from grader.sandbox.docker import DockerSandbox

SCRATCH = "rw,noexec,nosuid,nodev,uid=65534,gid=65534,mode=0700"
PRIVILEGES = "no-new-privileges:true"
INSIDE = Path(subject.__file__).with_name("inside.py")


def codes(launcher, *probes):
    """Of the findings of these probes, and of what was left behind."""
    outcomes = dict(run_probes(launcher, only=probes))
    assert set(outcomes) == {*probes, LEFTOVERS}  # no name was misspelt
    return [finding.code for outcome in outcomes.values() for finding in outcome.findings]


DOCKER = {
    "pids_limit": (
        lambda s: {"pids_limit": None},
        {"fork bomb": ["processes-unbounded"], "thread bomb": ["threads-unbounded"]},
    ),
    "mem_limit": (
        lambda s: {"mem_limit": None, "memswap_limit": None},
        {"memory bomb": ["memory-unbounded"]},
    ),
    "network_mode": (
        lambda s: {"network_mode": "bridge"},
        {"reach the network": ["network-reachable"]},
    ),
    "network of the machine": (
        lambda s: {"network_mode": "host", "hostname": None},
        {"reach the network": ["network-reachable"]},
    ),
    "read_only": (lambda s: {"read_only": False}, {"write elsewhere": ["files-writable"] * 2}),
    "seccomp of the engine instead": (
        lambda s: {"security_opt": [PRIVILEGES]},
        {"forbidden system calls": ["calls-allowed"], "identity and privileges": []},
    ),
    "seccomp": (
        lambda s: {"security_opt": [PRIVILEGES, "seccomp=unconfined"]},
        {
            "forbidden system calls": ["calls-allowed"],
            "identity and privileges": ["calls-unfiltered"],
        },
    ),
    "no-new-privileges": (
        # With our own filter such a container does not even start.
        lambda s: {"security_opt": []},
        {"identity and privileges": ["may-gain-privileges"]},
    ),
    "tmpfs": (
        lambda s: {"tmpfs": {"/scratch": SCRATCH}},
        {
            "fill scratch space": ["scratch-unbounded"],
            "make many files": ["files-unbounded"],
        },
    ),
    "shm_size": (
        lambda s: {"shm_size": "64m"},
        {"fill /dev/shm": ["shared-memory-unbounded"]},
    ),
    "user": (lambda s: {"user": "0:0"}, {"identity and privileges": ["runs-as-root"]}),
    "cap_drop": (lambda s: {"cap_drop": None}, {"identity and privileges": ["has-capabilities"]}),
    "nano_cpus": (lambda s: {"nano_cpus": None}, {"spin on all cores": ["cpu-unbounded"]}),
    "nofile": (
        lambda s: {"ulimits": [u for u in s["ulimits"] if u.name != "nofile"]},
        {"open many files": ["descriptors-unbounded"]},
    ),
    "a mount of the machine": (
        lambda s: {"volumes": {**s["volumes"], "/": {"bind": "/host", "mode": "ro"}}},
        {"read the grader's secrets": ["host-file-readable"]},
    ),
    "a writable mount": (
        lambda s: {"volumes": {**s["volumes"], "/var/tmp": {"bind": "/mnt", "mode": "rw"}}},
        {"write elsewhere": ["files-writable"] * 2},
    ),
    "a variable": (
        lambda s: {"environment": {**s["environment"], CANARY_VARIABLE: "1"}},
        {"read the grader's secrets": ["environment-readable"]},
    ),
}


@pytest.mark.docker
@pytest.mark.parametrize("name", DOCKER)
def test_what_is_taken_away_from_the_container_is_found(name, docker_launcher, monkeypatch):
    changes, expected = DOCKER[name]
    honest = grader.sandbox.docker.container_settings

    def weakened(*args, **named):
        settings = honest(*args, **named)
        return {**settings, **changes(settings)}

    monkeypatch.setattr(grader.sandbox.docker, "container_settings", weakened)
    found = codes(docker_launcher, *expected)
    assert sorted(found) == sorted(code for each in expected.values() for code in each)


def without(*words):
    """Take these words, that follow each other, out of bubblewrap's command."""

    def change(command):
        at = next(i for i in range(len(command)) if command[i : i + len(words)] == words)
        return command[:at] + command[at + len(words) :]

    return change


def without_identity(command):
    at = next(i for i, word in enumerate(command) if word.startswith("--reuid="))
    return command[: at - 1] + command[at + 4 :]


def without_seccomp(command):
    at = command.index("--seccomp")
    return command[:at] + command[at + 2 :]


def without_the_last_size(command):
    at = max(i for i, word in enumerate(command) if word == "--size")
    return command[:at] + command[at + 2 :]


def with_writable_files(command):
    at = command.index("--ro-bind")
    return (*command[:at], "--bind", *command[at + 1 :])


WRAPPER = {
    "network": (without("--unshare-net"), {"reach the network": ["network-reachable"]}),
    "seccomp": (
        without_seccomp,
        {
            "forbidden system calls": ["calls-allowed"],
            "identity and privileges": ["calls-unfiltered"],
        },
    ),
    "size of scratch": (without_the_last_size, {"fill scratch space": ["scratch-unbounded"]}),
    "read-only files": (with_writable_files, {"write elsewhere": ["files-writable"]}),
    "nofile": (without("--nofile=256"), {"open many files": ["descriptors-unbounded"]}),
}


@pytest.mark.bubblewrap
@pytest.mark.parametrize("name", WRAPPER)
def test_what_is_taken_away_from_bubblewrap_is_found(name, bubblewrap_launcher, monkeypatch):
    change, expected = WRAPPER[name]
    honest = BubblewrapLauncher._wrapper
    monkeypatch.setattr(
        BubblewrapLauncher, "_wrapper", lambda *given: change(tuple(honest(*given)))
    )
    found = codes(bubblewrap_launcher, *expected)
    assert sorted(found) == sorted(code for each in expected.values() for code in each)


@pytest.mark.bubblewrap
def test_bubblewrap_that_keeps_the_graders_user_is_found(bubblewrap_launcher, monkeypatch):
    honest = BubblewrapLauncher._wrapper

    def wrapper(*given):
        command = tuple(honest(*given))
        if not any(word.startswith("--reuid=") for word in command):
            pytest.skip("only root has another user to give")
        return without_identity(command)

    monkeypatch.setattr(BubblewrapLauncher, "_wrapper", wrapper)
    assert codes(bubblewrap_launcher, "identity and privileges") == ["runs-as-root"]


@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    ("controller", "expected"),
    [
        ("pids", {"fork bomb": "processes-unbounded", "thread bomb": "threads-unbounded"}),
        ("memory", {"memory bomb": "memory-unbounded"}),
        ("cpu", {"spin on all cores": "cpu-unbounded"}),
    ],
)
def test_a_group_that_does_not_limit_is_found(
    controller, expected, bubblewrap_launcher, monkeypatch
):
    honest = cgroups._settings
    monkeypatch.setattr(
        cgroups, "_settings", lambda *given: (s for s in honest(*given) if s[0] != controller)
    )
    assert codes(bubblewrap_launcher, *expected) == list(expected.values())


# What no setting of the sandbox takes away


@pytest.fixture
def hand_in(tmp_path, monkeypatch):
    """Put other functions in the place of the hostile code's."""

    def hand_in(code):
        file = tmp_path / "inside.py"
        file.write_text(INSIDE.read_text() + "\n\n" + code)
        monkeypatch.setattr(subject, "_CODE", file)

    return hand_in


@pytest.mark.parametrize(
    ("code", "probe", "expected"),
    [
        ("def loop(): return None", "endless loop", "deadline-not-kept"),
        ("def loop(): os._exit(0)", "endless loop", "deadline-not-kept"),
        ("def flood(): return None", "endless output", "output-unbounded"),
        ("def flood(): os._exit(0)", "endless output", "output-unbounded"),
        ("def start_processes(most): return 31", "fork bomb", "process-limit-untold"),
        ("def get_memory(mib): os._exit(137)", "memory bomb", "memory-limit-untold"),
        ("def get_memory(mib): raise MemoryError", "memory bomb", "memory-limit-untold"),
        ("def open_files(most): return None", "open many files", "probe-failed"),
        ("def open_files(most): raise OSError", "open many files", "probe-failed"),
        ("def open_files(most): os._exit(0)", "open many files", "probe-failed"),
    ],
)
def test_an_answer_that_shows_no_limit_is_not_taken_for_one(
    code, probe, expected, isolating_launcher, hand_in
):
    hand_in(code)
    assert codes(isolating_launcher, probe) == [expected]


def test_code_that_cannot_be_loaded_fails_each_probe(isolating_launcher, hand_in):
    hand_in("raise RuntimeError")
    probes = ("open many files", "fork bomb")
    assert codes(isolating_launcher, *probes) == ["probe-failed"] * 2


@pytest.mark.docker
def test_a_container_that_is_not_removed_is_found(docker_launcher, monkeypatch):
    honest, kept = DockerSandbox.close, []

    def keep(sandbox):
        kept.append(sandbox)

    monkeypatch.setattr(DockerSandbox, "close", keep)
    monkeypatch.setattr(outside, "_GONE_SECONDS", 0.1)
    try:
        assert codes(docker_launcher, "open many files") == ["left-behind"]
    finally:
        for sandbox in kept:
            honest(sandbox)


def test_a_sandbox_that_does_not_stop_is_found(isolating_launcher, monkeypatch):
    with contextlib.closing(isolating_launcher.launch(subject.LIMITS)) as sandbox:
        monkeypatch.setattr(type(sandbox), "freeze", lambda _self: None)
    assert codes(isolating_launcher, "stop and continue") == ["cannot-freeze"]


@pytest.mark.parametrize(("quota", "expected"), [(0.5, []), (2.0, ["cpu-unbounded"])])
def test_a_machine_too_busy_to_try_the_share_is_judged_by_the_kernels_bound(
    quota, expected, isolating_launcher, monkeypatch
):
    monkeypatch.setattr(outside, "throttled", lambda _process: 0)
    with contextlib.closing(subject.open_subject(isolating_launcher, bombs._HALF_A_CORE)) as there:
        assert outside.quota_of(there.agent()) == 0.5
    monkeypatch.setattr(outside, "quota_of", lambda _process: quota)
    assert codes(isolating_launcher, "spin on all cores") == expected


def test_a_freezer_that_may_not_be_written_is_found(isolating_launcher, monkeypatch):
    monkeypatch.setattr(outside, "freezer_of", lambda _process: None)
    assert codes(isolating_launcher, "stop and continue") == ["freezer-not-writable"]


def test_an_agent_of_another_version_is_found(isolating_launcher, monkeypatch, tmp_path):
    (tmp_path / "main.py").write_text("# of another version\n")
    monkeypatch.setattr(walls, "AGENT_FOLDER", tmp_path)
    assert codes(isolating_launcher, "the agent's files") == ["image-differs"]


def test_numbers_of_calls_that_are_not_known_are_said_so(isolating_launcher, monkeypatch):
    monkeypatch.setattr(calls, "FORBIDDEN", ())
    assert codes(isolating_launcher, "forbidden system calls") == ["calls-untried"]


def test_a_process_that_the_kernel_does_not_tell_of_fails_the_probe(
    isolating_launcher, monkeypatch
):
    monkeypatch.setattr(outside, "find_agent", lambda *_given: 2**22 + 1)  # beyond pid_max
    assert codes(isolating_launcher, "identity and privileges") == ["probe-failed"]


@pytest.mark.docker
def test_where_nothing_is_seen_from_outside_the_walls_are_still_tried(docker_launcher, monkeypatch):
    monkeypatch.setattr(outside, "processes_of", lambda _sandbox: frozenset())
    probes = ("identity and privileges", "reach the network", "write elsewhere")
    probes += ("fork bomb", "spin on all cores")
    assert codes(docker_launcher, *probes) == ["outside-unseen"]


def test_a_bomb_stops_by_itself():
    """So that this machine survives the tests above."""
    limits = subject.LIMITS
    assert limits.processes + bombs._MORE_PROCESSES < 500
    assert limits.memory_mib + bombs._MORE_MEMORY_MIB <= 512
    assert limits.scratch_mib + bombs._MORE_DISK_MIB <= 128
