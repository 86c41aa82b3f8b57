"""Where the arrays live that student code is given, and how they get there and back.

Everything that is special to a GPU is in `TorchOnCuda`. PyTorch is imported where it is asked for.
"""

import importlib
import warnings
from typing import Any, Protocol

import numpy as np


class Device(Protocol):
    """A library's arrays on a device."""

    def given(self, array: np.ndarray[Any, Any]) -> Any:
        """What student code gets in place of an array."""
        ...

    def taken(self, value: Any) -> Any:
        """What student code returned, as NumPy arrays, when its computation has ended."""
        ...

    def settle(self) -> None:
        """Wait for what still runs, and empty caches."""
        ...


class Numpy:
    """NumPy's own arrays, as they came."""

    def given(self, array: np.ndarray[Any, Any]) -> Any:
        """The array itself."""
        return array

    def taken(self, value: Any) -> Any:
        """The value itself."""
        return value

    def settle(self) -> None:
        """Nothing is pending."""


class TorchOnCpu:
    """PyTorch's tensors in main memory; they share it with the arrays that came."""

    def __init__(self) -> None:
        self._torch = importlib.import_module("torch")

    def given(self, array: np.ndarray[Any, Any]) -> Any:
        """A tensor on the array's own memory, which may be read-only."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return self._torch.from_numpy(np.ascontiguousarray(array))

    def taken(self, value: Any) -> Any:
        """A tensor's elements, copied to main memory where they are elsewhere."""
        if isinstance(value, self._torch.Tensor):
            return value.detach().cpu().numpy()
        return value

    def settle(self) -> None:
        """Nothing is pending."""


class TorchOnCuda(TorchOnCpu):
    """PyTorch's tensors on the first GPU that is visible."""

    _MIN_FLUSHED_BYTES = 256 << 20

    def __init__(self) -> None:
        super().__init__()
        cache = self._torch.cuda.get_device_properties(0).L2_cache_size
        # Twice the size: a cache that is filled once may keep lines that were marked to stay.
        self._flushed = self._torch.empty(
            max(2 * cache, self._MIN_FLUSHED_BYTES), dtype=self._torch.uint8, device="cuda"
        )

    def given(self, array: np.ndarray[Any, Any]) -> Any:
        """A copy on the GPU."""
        return super().given(array).to("cuda")

    def taken(self, value: Any) -> Any:
        """A copy in main memory, after all streams have ended."""
        if isinstance(value, self._torch.Tensor):
            self._torch.cuda.synchronize()
        return super().taken(value)

    def settle(self) -> None:
        """Fill the L2 cache with something else, and wait for it."""
        self._flushed.zero_()
        self._torch.cuda.synchronize()


_DEVICES: dict[tuple[str, str], type[Device]] = {
    ("numpy", "cpu"): Numpy,
    ("torch", "cpu"): TorchOnCpu,
    ("torch", "cuda"): TorchOnCuda,
}


def device(arrays: str, kind: str) -> Device:
    """The device of this name.

    Raises:
        KeyError: There is none.
        ImportError: The library is not installed here.
    """
    return _DEVICES[arrays, kind]()
