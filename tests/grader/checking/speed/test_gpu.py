"""What is asked of a GPU's driver, and what becomes of its answer; the driver is a stand-in."""

import pytest

from grader.checking.speed.gpu import describe_gpu
from grader.errors import InfrastructureFault


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Puts a program in the driver's place."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def install(script):
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)

    return install


def test_model_clock_and_temperature_are_told(driver, tmp_path):
    driver(f'echo "$@" > {tmp_path}/asked; echo "Some GPU 80GB, 550.1, 1980, 41"')
    assert describe_gpu("GPU-7") == {
        "model": "Some GPU 80GB",
        "driver": "550.1",
        "clock_mhz": 1980.0,
        "temperature_c": 41.0,
    }
    assert "--id=GPU-7" in (tmp_path / "asked").read_text()


@pytest.mark.parametrize("script", ["exit 9", "echo nonsense", "echo 'a, b, [N/A], 4'", ""])
def test_a_driver_that_fails_is_a_fault_of_ours(driver, script):
    driver(script)
    with pytest.raises(InfrastructureFault, match="GPU-7"):
        describe_gpu("GPU-7")


def test_no_driver_is_a_fault_of_ours(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InfrastructureFault, match="nvidia-smi"):
        describe_gpu("0")
