"""The objects that live in the sandbox, and what may be asked of them."""

import importlib.util
import math
import mmap
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np

from . import devices, wire

_MAX_CLASS_NAME = 200
_MAX_TEXT = 8192
_MODULE = 0


class Objects:
    """Handles and what they stand for; number 0 is the student's module."""

    def __init__(self, scratch: str, inbox: str) -> None:
        self._folder = Path(scratch) / "submission"
        self._inbox = inbox
        self._placed: mmap.mmap | None = None
        self._device: devices.Device = devices.Numpy()
        self._objects: dict[int, Any] = {}

    def perform(self, kind: wire.Kind, request: Any) -> tuple[wire.Kind, wire.Value]:
        """Do what a request asks; whatever it raises becomes the reply.

        Args:
            kind: What to do.
            request: Numbers of objects to forget first, then the arguments.
        """
        released, *arguments = request
        try:
            for number in released:
                self._objects.pop(number, None)
            with self._device.untracked():
                value = _OPERATIONS[kind](self, *arguments)
            held = kind is wire.Kind.FETCH  # what was sent before, and is no result
            return wire.Kind.RESULT, _plain(value) if held else self._portable(value)
        except wire.UnsupportedType as error:
            return wire.Kind.UNSUPPORTED, (str(error)[:_MAX_TEXT],)
        except BaseException as error:
            return wire.Kind.EXCEPTION, self._describe(error)

    def _hello(self) -> None:
        """Answer that the interpreter is up and NumPy imported."""

    def _load(self, module: str, files: tuple[tuple[str, bytes], ...]) -> None:
        for name, content in files:
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        # Last on the path: a student's file never takes the place of a library's.
        sys.path.append(str(self._folder))
        path = self._folder / module
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{module} is not a Python file")
        loaded = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = loaded
        spec.loader.exec_module(loaded)
        self._objects[_MODULE] = loaded

    def _construct(self, target: int, owner: int, name: str, args: Any, named: Any) -> None:
        self._objects[target] = self._apply(owner, name, args, named)

    def _call(self, owner: int, name: str, args: Any, named: Any) -> Any:
        return self._apply(owner, name, args, named)

    def _apply(self, owner: int, name: str, args: Any, named: Any) -> Any:
        function = getattr(self._object(owner), name)
        positional = [self._resolve(value) for value in args]
        keywords = {key: self._resolve(value) for key, value in named}
        return function(*positional, **keywords)

    def _get(self, owner: int, name: str) -> Any:
        return getattr(self._object(owner), name)

    def _set(self, owner: int, name: str, value: Any) -> None:
        setattr(self._object(owner), name, self._resolve(value))

    def _hold(self, target: int, value: Any) -> None:
        self._objects[target] = self._device.held(value)

    def _fetch(self, target: int) -> Any:
        return self._object(target)

    def _place(self, target: int, dtype: str, shape: tuple[int, ...], offset: int) -> None:
        """Let a handle stand for what lies in the inbox at an offset, now and later."""
        if self._placed is None:
            scheme, _, rest = self._inbox.partition(":")
            file = int(rest) if scheme == "fd" else os.open(rest, os.O_RDONLY)
            if self._device.writes_inputs:
                # A write to shared memory would end the process. So whoever writes does it to a
                # page of their own, and does not see there what is placed later.
                self._placed = mmap.mmap(file, 0, access=mmap.ACCESS_COPY)
            else:
                self._placed = mmap.mmap(file, 0, mmap.MAP_SHARED, mmap.PROT_READ)
        flat = np.frombuffer(self._placed, dtype, math.prod(shape), offset)
        self._objects[target] = flat.reshape(shape)

    def _use(self, arrays: str, device: str) -> None:
        """From now on, give the student's code arrays of this library, on this device."""
        self._device = devices.device(arrays, device)

    def _settle(self) -> None:
        """Leave nothing behind that would make the next call faster or slower."""
        self._device.settle()

    def _object(self, number: int) -> Any:
        if number not in self._objects:
            raise LookupError("this object does not exist, since its constructor failed")
        return self._objects[number]

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, wire.Handle):
            value = self._object(value.number)
        if isinstance(value, np.ndarray):
            return self._device.given(value)
        if isinstance(value, tuple):
            return tuple(self._resolve(item) for item in value)
        return value

    def _describe(self, error: BaseException) -> tuple[str, str]:
        """Class name, and message with the student's own frames (none of the agent's)."""
        name = type(error).__name__[:_MAX_CLASS_NAME]
        try:
            return name, self._explain(error)[:_MAX_TEXT]
        except BaseException:
            return name, ""

    def _explain(self, error: BaseException) -> str:
        inside = str(self._folder) + "/"
        frames = traceback.extract_tb(error.__traceback__)
        lines = [str(error.msg) if isinstance(error, SyntaxError) else str(error)]
        if isinstance(error, SyntaxError) and error.filename:
            place = error.filename.removeprefix(inside)
            lines += [f"  {place}, line {error.lineno}", f"    {(error.text or '').strip()}"]
        for frame in frames:
            if frame.filename.startswith(inside):
                place = frame.filename.removeprefix(inside)
                lines += [f"  {place}, line {frame.lineno}, in {frame.name}", f"    {frame.line}"]
        return "\n".join(lines)

    def _portable(self, value: Any) -> wire.Value:
        """Plain copies: what is sent is what the bytes say, not what a subclass claims."""
        if type(value) is tuple:
            return tuple(self._portable(item) for item in value)
        return _plain(self._device.taken(value))


def _plain(value: Any) -> wire.Value:
    if value is None or type(value) in (bool, int, float):
        return value  # type: ignore[no-any-return]
    if isinstance(value, np.ndarray):
        return np.ndarray.view(value, np.ndarray)
    if isinstance(value, np.generic):
        return np.asarray(value)
    raise wire.UnsupportedType(f"a value of type {type(value).__name__}")


_OPERATIONS: dict[wire.Kind, Any] = {
    wire.Kind.HELLO: Objects._hello,
    wire.Kind.LOAD: Objects._load,
    wire.Kind.CONSTRUCT: Objects._construct,
    wire.Kind.CALL: Objects._call,
    wire.Kind.GET: Objects._get,
    wire.Kind.SET: Objects._set,
    wire.Kind.HOLD: Objects._hold,
    wire.Kind.FETCH: Objects._fetch,
    wire.Kind.PLACE: Objects._place,
    wire.Kind.USE: Objects._use,
    wire.Kind.SETTLE: Objects._settle,
}
