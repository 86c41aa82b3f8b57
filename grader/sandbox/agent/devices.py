"""Whose arrays student code is given, where they live, and how they get there and back.

Everything that is special to a GPU is in `TorchOnCuda`. PyTorch is imported where it is asked for.
"""

import importlib
import warnings
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import numpy as np

from .values import DTYPES, UnsupportedType


class Device(Protocol):
    """A library's arrays on a device.

    Attributes:
        writes_inputs: Whether student code can write into whatever it is given: the library knows
            no arrays that are read-only.
    """

    writes_inputs: bool

    def untracked(self) -> AbstractContextManager[object]:
        """Within it, the library notes nothing for gradients that it could compute by itself."""
        ...

    def use_one_thread(self) -> None:
        """Compute in the calling thread alone: others would wait for work in a loop."""
        ...

    def held(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """An array that `given` shares memory with, for one that is kept."""
        ...

    def given(self, array: np.ndarray[Any, Any]) -> Any:
        """What student code gets in place of an array."""
        ...

    def taken(self, value: Any) -> Any:
        """What student code returned, as a NumPy array, when its computation has ended.

        Anything but an array of the library is given back as it is.

        Raises:
            UnsupportedType: It is an array that cannot cross.
        """
        ...

    def settle(self) -> None:
        """Wait for what still runs, and empty caches."""
        ...


class Numpy:
    """NumPy's own arrays, as they came."""

    writes_inputs = False

    def untracked(self) -> AbstractContextManager[object]:
        """It never does."""
        return nullcontext()

    def use_one_thread(self) -> None:
        """Not needed: small arrays never get another."""

    def held(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The array itself."""
        return array

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

    writes_inputs = True

    def __init__(self) -> None:
        self._torch = importlib.import_module("torch")
        self._dtypes = frozenset(getattr(self._torch, dtype.name) for dtype in DTYPES)

    def untracked(self) -> AbstractContextManager[object]:
        """See `Device.untracked`; student code could change it, and only for itself."""
        return self._torch.no_grad()  # type: ignore[no-any-return]

    def use_one_thread(self) -> None:
        """See `Device.use_one_thread`."""
        self._torch.set_num_threads(1)

    def held(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The array, or a copy in the same order of axes where its strides are negative."""
        if any(stride < 0 for stride in array.strides):
            return np.copy(array, order="K")
        return array

    def given(self, array: np.ndarray[Any, Any]) -> Any:
        """A tensor on the array's own memory, with its strides.

        Tensors have neither negative strides (a copy is given then) nor a mark for read-only
        memory: what must not be written to can only be looked at afterwards.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of memory that is read-only
            return self._torch.from_numpy(self.held(array))

    def taken(self, value: Any) -> Any:
        """A tensor's elements in C order, whatever its layout, device and history."""
        if isinstance(value, np.ndarray):
            raise UnsupportedType("a NumPy array")
        if not isinstance(value, self._torch.Tensor):
            return value
        # A subclass may answer for itself; it is asked for its elements alone.
        with self._torch._C.DisableTorchFunctionSubclass():
            self._require_plain(value)
            try:
                plain = self._torch.Tensor.detach(value).resolve_conj().resolve_neg().cpu()
                # Laid out here: an expanded tensor may be more than fits into memory, which is
                # then an exception like any other.
                return np.asarray(plain.numpy(), order="C")
            except (RuntimeError, TypeError, NotImplementedError) as error:
                raise UnsupportedType(f"a {type(value).__name__} without plain elements") from error

    def settle(self) -> None:
        """Nothing is pending."""

    def _require_plain(self, tensor: Any) -> None:
        if tensor.layout is not self._torch.strided or tensor.is_nested:
            kind = "nested" if tensor.is_nested else str(tensor.layout).removeprefix("torch.")
            raise UnsupportedType(f"a tensor of the layout {kind}, which is not a dense one,")
        if tensor.device.type == "meta":
            raise UnsupportedType("a tensor on the device meta, which has no elements,")
        if tensor.dtype not in self._dtypes:
            raise UnsupportedType(f"a tensor of dtype {tensor.dtype}")


class TorchOnCuda(TorchOnCpu):
    """PyTorch's tensors on the first GPU that is visible."""

    writes_inputs = False  # they are copies

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
