"""The values that a frame carries: how they are written, and how they are read with suspicion."""

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.generic]

MAX_DEPTH = 6
MAX_DIMENSIONS = 8

DTYPES = tuple(
    np.dtype(name) for name in ("?", "u1", "<i4", "<i8", "<f2", "<f4", "<f8", "<c8", "<c16")
)
"""The dtypes that may cross, by their number on the wire."""

_CODES = {dtype: code for code, dtype in enumerate(DTYPES)}


class MalformedFrame(ValueError):
    """The bytes are not a frame within the bounds."""


class UnsupportedType(TypeError):
    """This value cannot cross the line."""


@dataclass(frozen=True)
class Handle:
    """An object that lives in the sandbox. The trusted side chooses the number."""

    number: int


@dataclass(frozen=True)
class Bounds:
    """What a reader accepts.

    Attributes:
        kinds: Kinds of frame.
        value_bytes: Length of the value.
        data_bytes: Sum of the arrays' bytes.
        arrays: How many arrays.
        items: How many values, nested ones counted.
        text: Whether strings and byte strings are accepted.
        handles: Whether handles are accepted.
        layouts: Whether arrays other than writable ones in C order are accepted; laying one
            out may take several times its bytes.
    """

    kinds: frozenset[int]
    value_bytes: int = 4096
    data_bytes: int = 0
    arrays: int = 16
    items: int = 64
    text: bool = False
    handles: bool = False
    layouts: bool = False


Value: TypeAlias = "bool | int | float | str | bytes | Array | Handle | tuple[Value, ...] | None"


@dataclass(frozen=True)
class Slot(Handle):
    """Stands in a decoded value for an array that has not been received yet."""

    @property
    def index(self) -> int:
        """Which of the frame's arrays."""
        return self.number


class _Layout(NamedTuple):
    """How an array is to lie in memory.

    Attributes:
        readonly: Whether writing is refused.
        order: Axes from the outermost in memory to the innermost.
        steps: Per axis, the stride in elements that lie beside each other along it: 1, -1
            (reversed), 2 or -2 (every other one).
    """

    readonly: bool
    order: tuple[int, ...]
    steps: tuple[int, ...]

    def arrange(self, array: Array) -> Array:
        """The same elements, laid out so; from a writable array in C order."""
        if self.order != tuple(range(array.ndim)) or any(step != 1 for step in self.steps):
            base = np.zeros([array.shape[k] * abs(self.steps[k]) for k in self.order], array.dtype)
            window = base[tuple(slice(None, None, self.steps[k]) for k in self.order)]
            arranged = window.transpose(np.argsort(self.order))
            arranged[...] = array
            array = arranged
        array.flags.writeable = not self.readonly
        return array


class Spec(NamedTuple):
    """An announced array."""

    dtype: "np.dtype[np.generic]"
    shape: tuple[int, ...]
    nbytes: int
    layout: _Layout | None


def _layout_of(array: Array) -> _Layout | None:
    """What gives an array of the same kind in memory; None for a writable one in C order."""
    readonly = not array.flags.writeable
    axes = tuple(range(array.ndim))
    if array.flags.c_contiguous or not array.size:
        return _Layout(readonly, axes, (1,) * array.ndim) if readonly else None
    strides = array.strides
    order = tuple(sorted(axes, key=lambda axis: -abs(strides[axis])))
    steps = [1] * array.ndim
    beside = array.itemsize
    for axis in reversed(order):
        if array.shape[axis] > 1:
            gap = 2 if abs(strides[axis]) > beside else 1
            steps[axis] = -gap if strides[axis] < 0 else gap
            beside = max(beside, abs(strides[axis])) * array.shape[axis]
    return _Layout(readonly, order, tuple(steps))


class Encoder:
    """Writes values: a tag of one byte each, and what follows it.

    N none, T true, F false, i int64, d float64, s text, b bytes, h handle, t tuple, a array
    (dtype u8, ndim u8, sizes u64), v array with a layout (the same, readonly u8, then per axis
    order u8 and step i8).
    """

    def __init__(self, layouts: bool) -> None:
        self.body = bytearray()
        self.data: list[memoryview] = []
        self._layouts = layouts

    def put(self, value: Value, depth: int) -> None:
        """Append a value. Raises UnsupportedType."""
        if depth == 0:
            raise UnsupportedType("values nested too deeply")
        if isinstance(value, tuple):
            self.body += struct.pack("<cH", b"t", len(value))
            for item in value:
                self.put(item, depth - 1)
        elif isinstance(value, np.ndarray | np.generic):
            self._put_array(np.asarray(value))
        else:
            self.body += self._scalar(value)

    def _scalar(self, value: Value) -> bytes:  # noqa: PLR0911 - one line a type reads best
        if value is None:
            return b"N"
        if isinstance(value, bool):
            return b"T" if value else b"F"
        if isinstance(value, int):
            if not -(2**63) <= value < 2**63:
                raise UnsupportedType("an integer of more than 64 bits")
            return struct.pack("<cq", b"i", value)
        if isinstance(value, float):
            return struct.pack("<cd", b"d", value)
        if isinstance(value, Handle):
            return struct.pack("<cI", b"h", value.number)
        if isinstance(value, str):
            text = value.encode("utf-8", "replace")
            return struct.pack("<cI", b"s", len(text)) + text
        if isinstance(value, bytes):
            return struct.pack("<cI", b"b", len(value)) + value
        raise UnsupportedType(f"a value of type {type(value).__name__}")

    def _put_array(self, array: Array) -> None:
        code = _CODES.get(array.dtype)
        if code is None:
            raise UnsupportedType(f"an array of dtype {array.dtype}")
        if array.ndim > MAX_DIMENSIONS:
            raise UnsupportedType(f"an array of {array.ndim} dimensions")
        layout = _layout_of(array) if self._layouts else None
        self.body += struct.pack("<cBB", b"v" if layout else b"a", code, array.ndim)
        self.body += _SIZES[array.ndim].pack(*array.shape)
        if layout is not None:
            self.body += struct.pack("<B", layout.readonly)
            for axis in zip(layout.order, layout.steps, strict=True):
                self.body += _ORDER_STEP.pack(*axis)
        if array.nbytes:
            flat = np.ascontiguousarray(array).reshape(-1)
            self.data.append(flat.view(np.uint8).data)


class Decoder:
    """Reads values, and believes nothing of them."""

    def __init__(self, raw: bytes, bounds: Bounds) -> None:
        self.specs: list[Spec] = []
        self._raw = raw
        self._at = 0
        self._bounds = bounds
        self._items = bounds.items
        self._room = bounds.data_bytes

    def take(self, depth: int) -> Value:
        """Read the next value; a Slot stands for each array. Raises MalformedFrame."""
        self._items -= 1
        if depth == 0 or self._items < 0:
            raise MalformedFrame("too many values, or nested too deeply")
        reader = _READERS.get(self._bytes(1))
        if reader is None:
            raise MalformedFrame("an unknown kind of value")
        return reader(self, depth)

    def finish(self, data_bytes: int) -> None:
        """Make sure that nothing is left over. Raises MalformedFrame."""
        if self._at != len(self._raw):
            raise MalformedFrame("bytes after the value")
        if sum(spec.nbytes for spec in self.specs) != data_bytes:
            raise MalformedFrame("the arrays do not add up to the data")

    def _bytes(self, count: int) -> bytes:
        start, self._at = self._at, self._at + count
        if self._at > len(self._raw):
            raise MalformedFrame("a value that ends early")
        return self._raw[start : self._at]

    def _unpack(self, layout: struct.Struct) -> tuple[int, ...]:
        return layout.unpack(self._bytes(layout.size))

    def _tuple(self, depth: int) -> Value:
        (count,) = self._unpack(_U16)
        if count > self._items:
            raise MalformedFrame("too many values")
        return tuple([self.take(depth - 1) for _ in range(count)])

    def _int(self, _depth: int) -> Value:
        return self._unpack(_I64)[0]

    def _float(self, _depth: int) -> Value:
        return float(self._unpack(_F64)[0])

    def _handle(self, _depth: int) -> Value:
        if not self._bounds.handles:
            raise MalformedFrame("a handle is not accepted here")
        return Handle(self._unpack(_U32)[0])

    def _text(self, depth: int) -> Value:
        return self._binary(depth).decode("utf-8", "replace")

    def _binary(self, _depth: int) -> bytes:
        if not self._bounds.text:
            raise MalformedFrame("text is not accepted here")
        return self._bytes(self._unpack(_U32)[0])

    def _array(self, _depth: int) -> Value:
        code, ndim = self._unpack(_DTYPE_NDIM)
        if code >= len(DTYPES) or ndim > MAX_DIMENSIONS:
            raise MalformedFrame("an array of no known kind")
        shape = self._unpack(_SIZES[ndim])
        # A zero among them must not smuggle in sizes that nothing can hold.
        if math.prod([size or 1 for size in shape]) > _MAX_ELEMENTS:
            raise MalformedFrame("an array of impossible size")
        dtype = DTYPES[code]
        nbytes = math.prod(shape) * dtype.itemsize
        self._room -= nbytes
        if self._room < 0 or len(self.specs) == self._bounds.arrays:
            raise MalformedFrame("more, or larger, arrays than expected")
        self.specs.append(Spec(dtype, shape, nbytes, None))
        return Slot(len(self.specs) - 1)

    def _arranged_array(self, depth: int) -> Value:
        if not self._bounds.layouts:
            raise MalformedFrame("an array that is not writable and in C order")
        slot = self._array(depth)
        spec = self.specs[-1]
        (readonly,) = self._unpack(_U8)
        axes = [self._unpack(_ORDER_STEP) for _ in spec.shape]
        order, steps = tuple([axis[0] for axis in axes]), tuple([axis[1] for axis in axes])
        if sorted(order) != list(range(len(order))) or not set(steps) <= {1, -1, 2, -2}:
            raise MalformedFrame("an array of no known layout")
        self.specs[-1] = spec._replace(layout=_Layout(bool(readonly), order, steps))
        return slot


_U8 = struct.Struct("<B")
_U16 = struct.Struct("<H")
_U32 = struct.Struct("<I")
_I64 = struct.Struct("<q")
_F64 = struct.Struct("<d")
_DTYPE_NDIM = struct.Struct("<BB")
_SIZES = tuple(struct.Struct(f"<{ndim}Q") for ndim in range(MAX_DIMENSIONS + 1))
_ORDER_STEP = struct.Struct("<Bb")
_MAX_ELEMENTS = 2**48

_READERS: dict[bytes, Callable[[Decoder, int], Value]] = {
    b"N": lambda _reader, _depth: None,
    b"T": lambda _reader, _depth: True,
    b"F": lambda _reader, _depth: False,
    b"i": Decoder._int,
    b"d": Decoder._float,
    b"s": Decoder._text,
    b"b": Decoder._binary,
    b"h": Decoder._handle,
    b"t": Decoder._tuple,
    b"a": Decoder._array,
    b"v": Decoder._arranged_array,
}
