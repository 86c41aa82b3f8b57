"""Which image and which interpreter student code gets for the library that it computes with."""

import json
import re

import docker
import pytest

from grader.errors import InfrastructureFault, SandboxUnavailable
from grader.sandbox import image
from grader.sandbox.bubblewrap import BubblewrapLauncher
from grader.sandbox.client import MODULE
from grader.sandbox.docker import DockerLauncher
from grader.sandbox.image import ensure_image
from grader.sandbox.limits import Limits
from grader.sandbox.pool import SandboxPool
from grader.sandbox.runtime import NUMPY, Arrays, Device, Runtime
from grader.sandbox.select import choose_sandbox

TORCH = Runtime(arrays=Arrays.TORCH)
CUDA = Runtime(arrays=Arrays.TORCH, device=Device.CUDA)
LIMITS = Limits(memory_mib=1024)
SOURCE = b"""
import os
import torch


def threads():
    alive = len(os.listdir("/proc/self/task"))
    x = torch.ones(600, 600)
    for _ in range(3):
        x = (x @ x).clamp(max=1)
    return torch.get_num_threads(), alive, len(os.listdir("/proc/self/task"))


def cuda():
    return torch.cuda.is_available()
"""


@pytest.fixture(scope="module")
def torch_launcher(docker_launcher):
    launcher = DockerLauncher(runtime=TORCH)
    yield launcher
    launcher.close()


def check_layers_of_torch(launcher):
    with SandboxPool(launcher, LIMITS) as pool:
        assert pool.runtime == TORCH
        client = pool.take()
        client.start(float("inf"))
        client.load("layers.py", {"layers.py": SOURCE})
        threads, before, after = client.result(client.call(MODULE, "threads", (), {}))
        assert threads == 1
        assert after <= before + 1  # nothing grows beside the one that computes
        assert client.result(client.call(MODULE, "cuda", (), {})) is False
        client.close()


@pytest.mark.docker
def test_torch_works_in_a_container_of_its_own_image(torch_launcher, docker_launcher):
    described = torch_launcher.describe()
    assert re.fullmatch("sha256:[0-9a-f]{64}", described.image_digest)
    assert described.image_digest != docker_launcher.describe().image_digest
    check_layers_of_torch(torch_launcher)


@pytest.mark.docker
def test_each_runtime_has_its_image_and_none_is_built_twice(torch_launcher, docker_launcher):
    client = docker.from_env()
    said = []
    assert ensure_image(client, said.append, TORCH) == torch_launcher.describe().image_digest
    assert ensure_image(client, said.append, NUMPY) == docker_launcher.describe().image_digest
    assert said == []
    tags = {tag.partition(":")[0] for found in client.images.list() for tag in found.tags}
    assert {"onebyone-sandbox-cpu", "onebyone-sandbox-torch"} <= tags
    client.close()


@pytest.mark.docker
def test_the_image_is_pinned_by_hashes(torch_launcher):
    folder = image._recipe_folder("sandbox-torch")
    lines = (folder / "requirements.txt").read_text().splitlines()
    pinned = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert all(re.match(r"[a-z_]+==\S+ \\$", line) for line in pinned)
    assert sum("--hash=sha256:" in line for line in lines) >= len(pinned)
    assert "--require-hashes" in (folder / "Dockerfile").read_text()


@pytest.mark.docker
def test_a_gpu_needs_an_image_that_somebody_made(docker_launcher):
    client = docker.from_env()
    with pytest.raises(InfrastructureFault, match="copy images/sandbox-torch to it"):
        ensure_image(client, print, CUDA)
    client.close()


@pytest.mark.bubblewrap
@pytest.mark.oracles
def test_torch_works_under_bubblewrap(bubblewrap_launcher):
    pytest.importorskip("torch")
    launcher = BubblewrapLauncher(runtime=TORCH)
    assert launcher.describe().image_digest != bubblewrap_launcher.describe().image_digest
    check_layers_of_torch(launcher)


@pytest.mark.parametrize("kind", ["bubblewrap", "process"])
def test_where_torch_is_not_installed_it_is_said_what_to_do(monkeypatch, kind):
    monkeypatch.setattr("grader.sandbox.runtime.importlib.util.find_spec", lambda _name: None)
    with pytest.raises(SandboxUnavailable, match=r"pip install 'onebyone\[torch\]'"):
        choose_sandbox(kind, runtime=TORCH)


def test_a_gpu_must_be_named():
    with pytest.raises(SandboxUnavailable, match="--device ID"):
        choose_sandbox(runtime=CUDA, own_code=True)


def test_a_runtime_is_plain_data():
    assert json.loads(json.dumps([TORCH.arrays, CUDA.device])) == ["torch", "cuda"]
    assert Runtime() == NUMPY
    assert NUMPY.is_installed
