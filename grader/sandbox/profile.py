"""The hardened container profile, as data: what the engine is asked for, and nothing else."""

from pathlib import Path
from typing import Any

from docker.types import DeviceRequest, LogConfig, Ulimit

from grader.sandbox.command import agent_command, agent_environment
from grader.sandbox.limits import Limits

SCRATCH = "/scratch"
CHANNEL = "/channel"
USER = "65534:65534"
SECCOMP_FILE = Path(__file__).parent / "seccomp.json"

_MIB = 1 << 20


def container_settings(
    limits: Limits,
    *,
    image: str,
    channel_folder: str,
    labels: dict[str, str],
    device: str | None,
    oci_runtime: str | None = None,
) -> dict[str, Any]:
    """Arguments of the engine's create call.

    Args:
        limits: What the grading may use.
        image: Image id; never a tag, so that nothing is pulled during a grading.
        channel_folder: Folder on this machine with the listening socket `socket` and the file
            `inbox`.
        labels: By which the container is found again.
        device: Identifier of the one GPU to pass through, or None.
        oci_runtime: What the engine runs it with, such as gVisor's `runsc`, over standard input,
            output and error; None for the engine's own choice, over the socket.
    """
    scratch = (
        f"rw,noexec,nosuid,nodev,size={limits.scratch_mib}m,nr_inodes=1024,"
        f"uid=65534,gid=65534,mode=0700"
    )
    line = "stdio:" if oci_runtime else f"unix:{CHANNEL}/socket"
    cpu_seconds = int(limits.wall_s * max(1.0, limits.cpus)) + 5
    return {
        "image": image,
        "entrypoint": [],
        "command": agent_command(
            "python",
            agent="/agent",
            channel=line,
            output=line,
            scratch=SCRATCH,
            inbox=f"file:{CHANNEL}/inbox",
        ),
        "detach": True,
        "tty": False,
        "stdin_open": oci_runtime is not None,
        "runtime": oci_runtime,
        "user": USER,
        "working_dir": SCRATCH,
        "hostname": "sandbox",
        "environment": agent_environment(limits, SCRATCH),
        "labels": labels,
        # What it can reach: one socket, read-only, and memory-backed scratch space.
        "network_mode": "none",
        "read_only": True,
        "volumes": {channel_folder: {"bind": CHANNEL, "mode": "ro"}},
        "tmpfs": {SCRATCH: scratch},
        "ipc_mode": "private",
        "shm_size": "16m",
        "cgroupns": "private",
        "device_requests": [_one_gpu(device)] if device is not None else None,
        # What it may do.
        "privileged": False,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true", f"seccomp={SECCOMP_FILE.read_text()}"],
        # What it may use.
        "pids_limit": limits.processes,
        "mem_limit": limits.memory_mib * _MIB,
        "memswap_limit": limits.memory_mib * _MIB,
        "oom_kill_disable": False,
        "oom_score_adj": 1000,
        "nano_cpus": int(limits.cpus * 1_000_000_000),
        "ulimits": [
            Ulimit(name="nofile", soft=256, hard=256),
            Ulimit(name="core", soft=0, hard=0),
            Ulimit(name="fsize", soft=limits.scratch_mib * _MIB, hard=limits.scratch_mib * _MIB),
            Ulimit(name="memlock", soft=0, hard=0),
            Ulimit(name="msgqueue", soft=0, hard=0),
            # A backstop for the day on which the grader dies: the deadline is on our clock.
            Ulimit(name="cpu", soft=cpu_seconds, hard=cpu_seconds + 1),
        ],
        # How it ends: printed output goes to our socket, never to the engine's disk.
        "init": True,
        "stop_signal": "SIGKILL",
        "log_config": LogConfig(type=LogConfig.types.NONE),
        "restart_policy": {"Name": "no"},
        "auto_remove": False,
    }


def _one_gpu(device: str) -> DeviceRequest:
    return DeviceRequest(device_ids=[device], capabilities=[["gpu"]])
