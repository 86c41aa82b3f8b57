"""What student code computes with: whose arrays it is given, and where they live."""

import importlib.util
from dataclasses import dataclass, replace
from enum import StrEnum

from grader.errors import SandboxUnavailable


class Arrays(StrEnum):
    """Whose arrays a student's layers are given."""

    NUMPY = "numpy"
    TORCH = "torch"


class Device(StrEnum):
    """Where these arrays live."""

    CPU = "cpu"
    CUDA = "cuda"


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """From `[runtime]` in assignment.toml; the same in every check, timed or not.

    Attributes:
        arrays: The library.
        device: Where its arrays live.
    """

    arrays: Arrays = Arrays.NUMPY
    device: Device = Device.CPU

    @property
    def here(self) -> "Runtime":
        """The same library for trusted code in this process, which needs no GPU."""
        return replace(self, device=Device.CPU)

    @property
    def results(self) -> str:
        """What student code is to return, in a student's words."""
        return "a tensor" if self.arrays is Arrays.TORCH else "a NumPy array"

    @property
    def is_installed(self) -> bool:
        """Whether this interpreter has the library; it is not imported."""
        return importlib.util.find_spec(self.arrays.value) is not None

    def require_installed(self) -> None:
        """Make sure that this interpreter has the library.

        Raises:
            SandboxUnavailable: It has not; the message says what to install.
        """
        if not self.is_installed:
            raise SandboxUnavailable(
                "this assignment's layers work on PyTorch's tensors, and PyTorch is not installed "
                "for this Python: pip install 'onebyone[torch]' (for the build without CUDA, add "
                "--extra-index-url https://download.pytorch.org/whl/cpu)"
            )


NUMPY = Runtime()
"""What an assignment gets that does not say."""
