"""The student's module, as a check sees it: plain Python in front, one bounded message behind.

Nothing in here holds a path, a seed or a reference; what crosses is what a check passes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from grader.assignment import Export, Interface
from grader.checking.recorder import Comparison, Question, note_comparison
from grader.errors import CheckBroken, OnebyoneError, UndeclaredExport
from grader.sandbox.agent import devices, wire
from grader.sandbox.client import MODULE, AgentClient
from grader.sandbox.failures import UnsupportedValue
from grader.sandbox.runtime import Arrays, Runtime

_watched: ContextVar[bool] = ContextVar("watched", default=False)
_client: ContextVar[AgentClient | None] = ContextVar("client", default=None)


class RemoteModule:
    """The student's module in a sandbox, with the names that the interface declares."""

    def __init__(self, connect: Callable[[], AgentClient], interface: Interface) -> None:
        self._connect = connect
        self._exports = {export.name: export for export in interface.exports}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        export = self._exports.get(name)
        if export is None:
            raise _undeclared("the module", name)

        def apply(*args: Any, **named: Any) -> Any:
            client = self._connect()
            _client.set(client)
            if export.kind == "class":
                handle = client.construct(MODULE, name, *_sendable(args, named))
                _settle_if_watched(client)
                return RemoteObject(client, handle, export)
            return client.result(client.call(MODULE, name, *_sendable(args, named)))

        return _called(name, apply)

    def hold(self, array: wire.Array) -> "HeldArray":
        """Keep an array in the sandbox; pass what this returns in its place."""
        client = self._connect()
        return HeldArray(client, client.hold(array))


class _Remote:
    """Something in the sandbox; it is forgotten there when it is forgotten here."""

    def __init__(self, client: AgentClient, handle: wire.Handle) -> None:
        # Past __setattr__ of RemoteObject, which speaks to the sandbox.
        object.__setattr__(self, "_client", client)
        object.__setattr__(self, "_handle", handle)

    def __del__(self) -> None:
        self._client.release(self._handle)

    _client: AgentClient
    _handle: wire.Handle


class RemoteObject(_Remote):
    """An object of the student's class, with the methods and attributes that are declared."""

    _export: Export

    def __init__(self, client: AgentClient, handle: wire.Handle, export: Export) -> None:
        super().__init__(client, handle)
        object.__setattr__(self, "_export", export)

    def __getattr__(self, name: str) -> Any:
        if name in self._export.methods:
            return _called(
                f"{self._export.name}.{name}",
                lambda *args, **named: self._call(name, args, named)(),
            )
        return self._get(name)()

    def __setattr__(self, name: str, value: Any) -> None:
        self._declared(name)
        (values, _named) = _sendable((value,), {})
        self._client.set(self._handle, name, values[0])
        _settle_if_watched(self._client)

    def _call(
        self, name: str, args: Sequence[Any], named: Mapping[str, Any]
    ) -> Callable[[], wire.Value]:
        if name not in self._export.methods:
            raise _undeclared(self._export.name, name)
        promise = self._client.call(self._handle, name, *_sendable(args, named))
        return lambda: self._client.result(promise)

    def _get(self, name: str) -> Callable[[], wire.Value]:
        self._declared(name)
        promise = self._client.get(self._handle, name)
        return lambda: self._client.result(promise)

    def _declared(self, name: str) -> None:
        if name not in self._export.attributes:
            raise _undeclared(self._export.name, name)


class HeldArray(_Remote):
    """An array that was sent ahead and stays in the sandbox."""

    def value(self) -> wire.Value:
        """What it is now."""
        return self._client.result(self._client.fetch(self._handle))


class LocalModule:
    """The same names on a module of this process: for trusted code, without a sandbox.

    Args:
        module: Whose names.
        device: Whose arrays it works on; where these are not NumPy's, they are made and read here
            as the sandbox's agent does it.
    """

    def __init__(self, module: Any, device: devices.Device | None = None) -> None:
        self._module = module
        self._line = None if device is None else _Line(device)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        return value if self._line is None else self._line.called(name, value)

    def is_class(self, name: str) -> bool:
        """Whether the module's name is a class."""
        return isinstance(getattr(self._module, name), type)

    def hold(self, array: wire.Array) -> Any:
        """A copy that stands for the array in the sandbox."""
        copy = _copied(array)
        return copy if self._line is None else self._line.hold(copy)


class _Line:
    """What arrays become on the way to a module of this process, and on the way back."""

    def __init__(self, device: devices.Device) -> None:
        self._device = device
        self._held: dict[int, wire.Array] = {}

    def hold(self, array: wire.Array) -> wire.Array:
        array = self._device.held(array)
        self._held[id(array)] = array
        return array

    def called(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A class, function or method that takes and gives NumPy's arrays."""

        def apply(*args: Any, **named: Any) -> Any:
            positional = [self.inward(value) for value in args]
            keywords = {key: self.inward(value) for key, value in named.items()}
            with self._device.untracked():
                result = function(*positional, **keywords)
            if isinstance(function, type):
                return _LocalObject(result, self)
            return self.outward(result, name)

        return _called(name, apply)

    def inward(self, value: Any) -> Any:
        if isinstance(value, _LocalObject):
            return value.__dict__["target"]
        if isinstance(value, np.ndarray | np.generic):
            if self._held.get(id(value)) is value:
                return self._device.given(np.asarray(value))
            return self._device.given(self._device.held(_copied(np.asarray(value))))
        if isinstance(value, tuple | list):
            return tuple(self.inward(item) for item in value)
        return value

    def outward(self, value: Any, name: str) -> Any:
        if type(value) is tuple:
            return tuple(self.outward(item, name) for item in value)
        try:
            taken = self._device.taken(value)
            if isinstance(taken, np.ndarray):
                return np.copy(taken)  # later calls may write into what they returned
            if taken is None or isinstance(taken, bool | int | float | np.generic):
                return taken
            raise wire.UnsupportedType(f"a value of type {type(taken).__name__}")
        except wire.UnsupportedType as error:
            raise UnsupportedValue("TypeError", f"{name} gave {error}") from None


class _LocalObject:
    """An object of such a module."""

    def __init__(self, target: object, line: _Line) -> None:
        self.__dict__.update(target=target, line=line)  # past __setattr__, which converts

    def __getattr__(self, name: str) -> Any:
        line: _Line = self.__dict__["line"]
        value = getattr(self.__dict__["target"], name)
        return line.called(name, value) if callable(value) else line.outward(value, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.__dict__["target"], name, self.__dict__["line"].inward(value))


def local_device(runtime: Runtime) -> devices.Device | None:
    """What a `LocalModule` is given for an assignment; None where it works on NumPy's arrays.

    Raises:
        SandboxUnavailable: The library is not installed here.
    """
    if runtime.arrays is Arrays.NUMPY:
        return None
    runtime.require_installed()
    device = devices.device(runtime.here.arrays.value, runtime.here.device.value)
    device.use_one_thread()  # several gradings may run side by side, and their arrays are small
    return device


def call_later(owner: object, name: str, *args: Any) -> Callable[[], Any]:
    """Call a method without waiting for what it returns; the result gives that when called.

    Several calls in a row then cost one wait instead of one each. They run in order, and a call
    that raises does not keep the next one from running.

    Args:
        owner: An object of the student's. One of this process is called at once, with copies,
            as across the line.
        name: Of the method.
        *args: Positional arguments.
    """
    if isinstance(owner, RemoteObject):
        return owner._call(name, args, {})
    value = getattr(owner, name)(*map(_copied, args))
    return lambda: value


def get_later(owner: object, name: str) -> Callable[[], Any]:
    """Ask for an attribute without waiting for it; see `call_later`."""
    if isinstance(owner, RemoteObject):
        return owner._get(name)
    value = getattr(owner, name)
    return lambda: value


def held_value(held: "HeldArray | wire.Array") -> wire.Value:
    """What an array that `student.hold` returned is now."""
    return held.value() if isinstance(held, HeldArray) else held


@contextmanager
def student_raises(what: str) -> Iterator[None]:
    """Pass when student code raises an exception inside the block.

    Args:
        what: What should have been refused, for the message: "an input with 3 channels".

    Raises:
        AssertionError: Nothing was raised.
    """
    if (client := _client.get()) is not None:
        client.settle()  # what was raised before is not the refusal that is awaited
    watched = _watched.set(True)
    note_comparison(Comparison(Question.RAISES, what))
    try:
        yield
    except OnebyoneError:
        raise
    except Exception:
        return
    finally:
        note_comparison(Comparison(Question.RAISED, what))
        _watched.reset(watched)
    raise AssertionError(f"Expected an exception for {what}, but none was raised.")


def _settle_if_watched(client: AgentClient) -> None:
    """Constructors and setters answer with the next result, but not where a refusal is awaited."""
    if _watched.get():
        client.settle()


def _called(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function under the name that an assertion's message shows."""
    function.__qualname__ = function.__name__ = name
    return function


def _copied(value: Any) -> Any:
    """A copy of an array with its layout and writability; anything else as it is."""
    if not isinstance(value, np.ndarray):
        return value
    copy = np.copy(value, order="K")
    copy.flags.writeable = value.flags.writeable
    return copy


def _undeclared(owner: str, name: str) -> UndeclaredExport:
    return UndeclaredExport(
        f"A check used `{name}` of {owner}, which [interface] in assignment.toml does not declare."
    )


def _sendable(
    args: Sequence[Any], named: Mapping[str, Any]
) -> tuple[list[wire.Value], dict[str, wire.Value]]:
    return [_send(value) for value in args], {key: _send(value) for key, value in named.items()}


def _send(value: Any) -> wire.Value:
    if isinstance(value, _Remote):
        return value._handle
    if isinstance(value, tuple | list):
        return tuple(_send(item) for item in value)
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise CheckBroken(
        f"A check passed a {type(value).__name__}, which cannot be sent to a student."
    )
