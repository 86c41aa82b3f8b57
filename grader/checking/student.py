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
from grader.sandbox.agent import wire
from grader.sandbox.client import MODULE, AgentClient

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
    """The same names on a module of this process: for plain pytest runs, without a sandbox."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def hold(self, array: wire.Array) -> Any:
        """A copy that stands for the array in the sandbox."""
        return _copied(array)


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
