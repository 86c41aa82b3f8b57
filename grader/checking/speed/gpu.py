"""What a GPU says of itself, asked from outside of any sandbox."""

import shutil
import subprocess

from grader.errors import InfrastructureFault

_FIELDS = {
    "name": "model",
    "driver_version": "driver",
    "clocks.sm": "clock_mhz",
    "temperature.gpu": "temperature_c",
}
_NUMBERS = frozenset({"clock_mhz", "temperature_c"})
_SECONDS = 20


def describe_gpu(identifier: str) -> dict[str, str | float]:
    """Model, driver, clock (MHz) and temperature (degrees Celsius) at this moment.

    Raises:
        InfrastructureFault: The driver's tool is missing or fails: no verdict can be trusted.
    """
    tool = shutil.which("nvidia-smi")
    if tool is None:
        raise InfrastructureFault("A GPU cannot be described: nvidia-smi is not installed here.")
    command = [tool, f"--id={identifier}", f"--query-gpu={','.join(_FIELDS)}"]
    command.append("--format=csv,noheader,nounits")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True)
        return _parse(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise InfrastructureFault(
            f"GPU {identifier} does not answer: {error}. Try again."
        ) from error


def _parse(line: str) -> dict[str, str | float]:
    values = [value.strip() for value in line.strip().split(",")]
    return {
        name: float(value) if name in _NUMBERS else value
        for name, value in zip(_FIELDS.values(), values, strict=True)
    }
