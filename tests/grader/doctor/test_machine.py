"""What a machine is: from its files, from the kernel, from recorded answers."""

import os

import pytest

from grader.doctor import machine

MEMINFO = """MemTotal:       24731708 kB
MemFree:        17738004 kB
MemAvailable:   {available} kB
SwapTotal:             0 kB
HugePages_Total:       0
"""


def codes(outcome):
    return [finding.code for finding in outcome.findings]


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(("available", "expected"), [(23910000, []), (500000, ["memory-low"])])
def test_little_free_memory_is_found(available, expected):
    assert codes(machine.memory(MEMINFO.format(available=available))) == expected


def test_meminfo_is_read_in_bytes():
    found = machine.meminfo(MEMINFO.format(available=1))
    assert found["MemAvailable"] == 1024
    assert found["SwapTotal"] == found["HugePages_Total"] == 0


@pytest.mark.parametrize(
    ("mib", "files", "expected"),
    [
        (100_000, 10**6, []),
        (1000, 10**6, ["disk-low"]),
        (100, 10**6, ["disk-full"]),
        (100_000, 10_000, ["disk-low"]),
        (100_000, 10, ["disk-full"]),
        (100_000, None, []),
    ],
)
def test_little_room_is_found(tmp_path, monkeypatch, mib, files, expected):
    total = 0 if files is None else 10**7  # such a file system counts no files
    answer = os.statvfs_result((4096, 4096, 0, 0, mib * 256, total, 0, files or 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _folder: answer)
    assert codes(machine.room({"temporary files": tmp_path})) == expected


def test_this_machines_own_room_is_told(tmp_path):
    assert machine.room({"temporary files": tmp_path}).detail.endswith("GiB or more")


def test_time_goes_forward_here():
    assert "clock-steps-back" not in codes(machine.clock())


@pytest.mark.parametrize(("readings", "found"), [([5, 6, 7], False), ([5, 7, 6], True)])
def test_a_clock_that_goes_back_is_found(monkeypatch, readings, found):
    given = iter(readings * machine._CLOCK_READINGS)
    monkeypatch.setattr(machine, "_CLOCK_READINGS", 3)
    monkeypatch.setattr(machine.time, "monotonic_ns", lambda: next(given))
    assert ("clock-steps-back" in codes(machine.clock())) is found


def test_a_clock_that_stands_still_is_found(monkeypatch):
    monkeypatch.setattr(machine.time, "monotonic_ns", lambda: 5)
    assert "clock-steps-back" in codes(machine.clock())


@pytest.mark.parametrize("unsynchronised", [True, False])
def test_the_kernels_word_on_its_clock_is_taken(monkeypatch, unsynchronised):
    monkeypatch.setattr(machine, "_is_unsynchronised", lambda: unsynchronised)
    assert ("clock-unsynchronised" in codes(machine.clock())) is unsynchronised


def test_the_kernel_can_be_asked_about_its_clock():
    assert machine._is_unsynchronised() in (True, False)


def test_a_slow_clock_source_is_noted(tmp_path, monkeypatch):
    source = "clocksource/clocksource0/current_clocksource"
    monkeypatch.setattr(machine, "_SYSTEM", write(tmp_path, {source: "hpet\n"}))
    assert "clock-slow" in codes(machine.clock())


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, []),
        ({"smt/active": "0\n"}, []),
        ({"smt/active": "1\n"}, ["hyper-threading"]),
        ({"cpu0/cpufreq/scaling_governor": "performance\n"}, []),
        ({"cpu1/cpufreq/scaling_governor": "schedutil\n"}, ["frequency-varies"]),
    ],
)
def test_what_makes_cores_uneven_is_noted(tmp_path, monkeypatch, files, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 1})
    assert codes(machine.cores(write(tmp_path, files))) == expected


def test_one_core_alone_is_found(tmp_path):
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert codes(machine.cores(tmp_path)) == ["one-core"]
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(
    ("files", "detail", "expected"),
    [
        ({"cgroup.controllers": "cpuset cpu io memory pids\n"}, "v2: memory, pids, cpu", []),
        ({"cgroup.controllers": "cpu pids\n"}, "v2", ["control-groups-missing"]),
        (
            {f"{name}/cgroup.procs": "" for name in ("memory", "pids", "cpu", "freezer")},
            "v1: memory, pids, cpu",
            [],
        ),
        ({"pids/cgroup.procs": "", "cpu/cgroup.procs": ""}, "v1", ["control-groups-missing"]),
    ],
)
def test_control_groups_of_both_versions_are_read(tmp_path, files, detail, expected):
    outcome = machine.control_groups(write(tmp_path, files))
    assert (outcome.detail, codes(outcome)) == (detail, expected)


@pytest.mark.parametrize(("most", "expected"), [("96551", []), ("0", ["no-user-namespaces"])])
def test_a_kernel_without_user_namespaces_is_found(tmp_path, most, expected):
    root = write(tmp_path, {"max_user_namespaces": f"{most}\n"})
    assert codes(machine.user_namespaces(root)) == expected


@pytest.mark.parametrize(("user", "expected"), [(0, ["grader-as-root"]), (1000, [])])
def test_a_grader_that_runs_as_root_is_noted(monkeypatch, user, expected):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert codes(machine.this_user()) == expected


TWO = "NVIDIA H100 80GB HBM3, 570.133.07, 81559\nNVIDIA H100 80GB HBM3, 570.133.07, 81559\n"
LOST = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."


@pytest.mark.parametrize(
    ("code", "answer", "toolkit", "expected"),
    [
        (0, TWO, "1.17.8", []),
        (0, TWO, None, ["gpu-without-toolkit"]),
        (9, LOST, "1.17.8", ["gpu-does-not-answer"]),
        (0, "No devices were found\n", "1.17.8", ["gpu-does-not-answer"]),
        (0, "", "1.17.8", ["gpu-does-not-answer"]),
    ],
)
def test_what_nvidia_smi_answers_is_judged(code, answer, toolkit, expected):
    assert codes(machine.judge_gpu(code, answer, toolkit)) == expected


def test_a_gpu_is_named():
    detail = machine.judge_gpu(0, TWO, "1.17.8").detail
    assert detail == "2 x NVIDIA H100 80GB HBM3, 81559 MiB, driver 570.133.07"


def test_without_nvidia_smi_there_is_nothing_to_say(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.gpu(None) is None


def test_nvidia_smi_is_asked(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n[ $# = 2 ] || exit 3\necho '{TWO.splitlines()[0]}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert machine.gpu("1.17.8").detail.startswith("1 x NVIDIA H100")
