"""The trusted end of the channel: requests, and what becomes of each.

Everything that is read here was written by an adversary. A reply is read only as far as it is
what the request predicted; a deadline is absolute, so that a trickle of bytes buys no time.
"""

import contextlib
import os
import select
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from grader.errors import InfrastructureFault, SandboxUnavailable
from grader.sandbox.agent import wire
from grader.sandbox.attribution import attribute, explain
from grader.sandbox.base import Sandbox
from grader.sandbox.core_time import CoreTime
from grader.sandbox.failures import Failure, SandboxEnded, StudentError, UnsupportedValue
from grader.sandbox.inbox import Inbox
from grader.sandbox.limits import Limits
from grader.sandbox.memory import Memory
from grader.sandbox.runtime import NUMPY, Runtime
from grader.sandbox.stream import Direction, Stream
from grader.text import clean

MODULE = wire.Handle(0)
"""The student's module itself."""

_HELLO_SECONDS = 30.0
_IMPORT_SECONDS = 90.0
_MAX_OWED = 16
_SMALL_BYTES = 8 << 10
_KEPT_OUTPUT = 16 << 10
_VALUE_BYTES = 9216
"""Of any reply: room for the text of a complaint, which may come in place of what was asked."""

_NOTHING = wire.Bounds(kinds=wire.REPLIES, value_bytes=_VALUE_BYTES, items=1, arrays=0)
_COMPLAINT = wire.Bounds(kinds=wire.REPLIES, value_bytes=_VALUE_BYTES, items=3, arrays=0, text=True)
_Named: TypeAlias = Mapping[str, wire.Value]


@dataclass(eq=False)
class Promise:
    """An answer that was asked for, and what is known of it beforehand.

    Attributes:
        request: Number of the request.
        nonce: Of the request, and of its reply.
        bounds: What the reply may hold at most.
        seconds: Time for it, from when it is the next to be answered.
        doing: What was asked for, in words.
        awaited: Whether somebody will ask for the result; if not, a complaint is raised with the
            next result that somebody asks for.
        done: Whether it has been received.
        value: The result.
        error: What was raised instead.
    """

    request: int
    nonce: bytes
    bounds: wire.Bounds
    seconds: float
    doing: str
    awaited: bool
    done: bool = False
    value: wire.Value = None
    error: StudentError | None = None


class AgentClient:
    """A conversation with the agent of one sandbox.

    Student code that raises gives `StudentError`. Anything that ends the sandbox gives
    `SandboxEnded`, now and at every later request. `InfrastructureFault` means that no verdict
    can be drawn.
    """

    def __init__(self, sandbox: Sandbox, limits: Limits) -> None:
        self._sandbox = sandbox
        self._limits = limits
        self._stream = Stream(sandbox.channel, self._wait)
        self._data = wire.Bounds(
            kinds=wire.REPLIES, value_bytes=_VALUE_BYTES, data_bytes=limits.reply_mib << 20
        )
        self._deadline = float("inf")
        self._requests = 0
        self._objects = 0
        self._owed: deque[Promise] = deque()
        self._late: StudentError | None = None
        self._released: list[int] = []
        self._ended: SandboxEnded | InfrastructureFault | None = None
        self._trusted = True  # until student code is loaded
        self._results = NUMPY.results
        self._doing = "starting"
        self._output_bytes = 0
        self._output = bytearray()
        self._output_open = True
        self._output_limit = limits.output_kib << 10
        sandbox.output.setblocking(False)

    def hello(self, runtime: Runtime = NUMPY) -> None:
        """Wait until the interpreter is up and has what student code computes with.

        Raises:
            SandboxUnavailable: It has not, and cannot get it.
        """
        self.result(self._send(wire.Kind.HELLO, (), "starting", seconds=_HELLO_SECONDS))
        if runtime == NUMPY:
            return
        self._results = runtime.results
        what = (runtime.arrays.value, runtime.device.value)
        doing = f"importing {runtime.arrays}"
        try:
            self.result(self._send(wire.Kind.USE, what, doing, seconds=_IMPORT_SECONDS))
        except StudentError as error:  # before any student's code
            raise SandboxUnavailable(
                f"The sandbox cannot use {runtime.arrays} on {runtime.device}: {error}. Without a "
                f"container, install it beside the grader (pip install 'onebyone[torch]'); for a "
                f"GPU, name one with --device."
            ) from error

    def start(self, deadline: float) -> None:
        """Set the `time.monotonic()` by which the whole grading must have ended."""
        self._deadline = deadline

    def load(self, module: str, files: Mapping[str, bytes]) -> None:
        """Write the submission's files into the sandbox and import its module."""
        self._trusted = False
        value = (module, tuple(files.items()))
        doing = f"importing {module}"
        self.result(self._send(wire.Kind.LOAD, value, doing, seconds=self._limits.load_s))

    def construct(
        self, owner: wire.Handle, name: str, args: Iterable[wire.Value], named: _Named
    ) -> wire.Handle:
        """Call a class and keep the object there.

        What the student's code raises at it is raised with the next result, or by `settle`.
        """
        target = self._new_handle()
        value = (target.number, owner.number, name, tuple(args), tuple(named.items()))
        self._send(wire.Kind.CONSTRUCT, value, name, awaited=False)
        return target

    def call(
        self,
        owner: wire.Handle,
        name: str,
        args: Iterable[wire.Value],
        named: _Named,
        *,
        seconds: float | None = None,
    ) -> Promise:
        """Call a function or a method; `result` brings back what it returns.

        Args:
            owner: The module or an object.
            name: Of the function or method.
            args: Positional arguments.
            named: The others.
            seconds: Time for it; None for what the limits give a call.
        """
        value = (owner.number, name, tuple(args), tuple(named.items()))
        return self._send(wire.Kind.CALL, value, name, bounds=self._data, seconds=seconds)

    def get(self, owner: wire.Handle, name: str) -> Promise:
        """Ask for an attribute."""
        return self._send(wire.Kind.GET, (owner.number, name), name, bounds=self._data)

    def set(self, owner: wire.Handle, name: str, value: wire.Value) -> None:
        """Set an attribute. What is raised at it is raised later, as with `construct`."""
        doing = f"setting {name}"
        self._send(wire.Kind.SET, (owner.number, name, value), doing, awaited=False)

    def hold(self, array: wire.Array) -> wire.Handle:
        """Keep an array there."""
        target = self._new_handle()
        self._send(wire.Kind.HOLD, (target.number, array), "receiving an array", awaited=False)
        return target

    def fetch(self, held: wire.Handle) -> Promise:
        """Ask for what is there now."""
        return self._send(wire.Kind.FETCH, (held.number,), "sending", bounds=self._data)

    def place(self, dtype: str, shape: tuple[int, ...], offset: int) -> wire.Handle:
        """Let a handle stand for what lies in the inbox at an offset, now and later."""
        target = self._new_handle()
        value = (target.number, dtype, shape, offset)
        self._send(wire.Kind.PLACE, value, "receiving an array", awaited=False)
        return target

    def settle_device(self) -> None:
        """Have the device end what it is at, and empty its caches."""
        self.result(self._send(wire.Kind.SETTLE, (), "settling the device"))

    def timed(self, ask: Callable[[], Sequence[Promise]]) -> tuple[float, list[wire.Value]]:
        """Ask while every process of the sandbox is stopped; let it go on; take the time.

        Args:
            ask: Sends small requests. Nothing else may be owed.

        Returns:
            Seconds from the last byte of the requests to the last one of the answers, and these.

        Raises:
            StudentError, SandboxEnded, InfrastructureFault: As `result` does.
        """
        self.freeze()
        promises = ask()
        started = time.perf_counter()
        self.thaw()
        try:
            values = [self.result(promise) for promise in promises]
            return time.perf_counter() - started, values
        finally:
            self.freeze()

    def freeze(self) -> None:
        """Stop every process of the sandbox. Nothing may be asked until `thaw`."""
        if self._ended is None:
            with self._faults():
                self._sandbox.freeze()

    def thaw(self) -> None:
        """Let them go on."""
        if self._ended is None:
            with self._faults():
                self._sandbox.thaw()

    def pin(self, cores: frozenset[int]) -> None:
        """Let the sandbox run on these cores only."""
        with self._faults():
            self._sandbox.pin(cores)

    def memory(self) -> Memory | None:
        """What the kernel counts for the sandbox; None where it cannot tell."""
        return self._sandbox.memory()

    def core_time(self) -> CoreTime | None:
        """How long its processes ran and waited to run; None where that is not known."""
        return self._sandbox.core_time()

    @property
    def inbox(self) -> Inbox:
        """What the sandbox can read and not write."""
        return self._sandbox.inbox

    def release(self, handle: wire.Handle) -> None:
        """Let the sandbox forget an object with the next request."""
        self._released.append(handle.number)

    def result(self, promise: Promise) -> wire.Value:
        """The answer to a request.

        Raises:
            StudentError: Student code raised it, at this request or at an earlier one whose
                result nobody awaits.
            SandboxEnded: There will be no answer.
            InfrastructureFault: Nobody can tell why.
        """
        while not promise.done:
            self._receive_next()
        error = self._late or promise.error
        if error is not None:
            raise self._only(error)
        return promise.value

    def settle(self) -> None:
        """Receive every answer that is owed. Raises what nobody awaits; otherwise as `result`."""
        while self._owed and self._ended is None:
            self._receive_next()
        if self._late is not None:
            raise self._only(self._late)

    @property
    def ended(self) -> SandboxEnded | None:
        """How the sandbox ended; None while it lives."""
        return self._ended if isinstance(self._ended, SandboxEnded) else None

    def take_output(self) -> str:
        """What was printed since the last call, cleaned and cut to a few KiB."""
        if self._ended is None:
            with contextlib.suppress(SandboxEnded):  # told by `ended`
                self._drain_output()
        text = self._output.decode("utf-8", "replace")
        self._output.clear()
        return clean(text, _KEPT_OUTPUT)

    def finish(self) -> None:
        """End a conversation whose sandbox lives: make sure that engine and kernel agree.

        Raises:
            InfrastructureFault: They cannot be asked, so nothing that was seen is certain.
        """
        if self._ended is None:
            with self._faults():
                self._sandbox.evidence()

    def close(self) -> None:
        """Remove the sandbox."""
        self._sandbox.close()

    def _new_handle(self) -> wire.Handle:
        self._objects += 1
        return wire.Handle(self._objects)

    def _send(
        self,
        kind: wire.Kind,
        arguments: tuple[wire.Value, ...],
        doing: str,
        *,
        bounds: wire.Bounds = _NOTHING,
        seconds: float | None = None,
        awaited: bool = True,
    ) -> Promise:
        if self._ended is not None:
            raise self._ended
        self._doing = doing
        self._requests += 1
        seconds = self._limits.call_s if seconds is None else seconds
        nonce = os.urandom(wire.NONCE_BYTES)
        released, self._released = tuple(self._released), []
        frame = wire.write_frame(kind, self._requests, nonce, (released, *arguments), layouts=True)
        # An agent that waits for us to read its answers reads no requests. So few and so small
        # ones fit into the socket's buffer whatever it does.
        small = sum(buffer.nbytes for buffer in frame) <= _SMALL_BYTES
        while len(self._owed) >= (_MAX_OWED if small else 1):
            self._receive_next()
        with self._ending():
            self._stream.send(frame, self._until(seconds))
        promise = Promise(self._requests, nonce, bounds, seconds, doing, awaited)
        self._owed.append(promise)
        return promise

    def _until(self, seconds: float) -> float:
        return min(time.monotonic() + seconds, self._deadline)

    def _receive_next(self) -> None:
        """Receive the next answer that is owed, into its promise."""
        if self._ended is not None:
            raise self._ended
        promise = self._owed.popleft()
        self._doing = promise.doing
        deadline = self._until(promise.seconds)

        def receive(view: memoryview) -> None:
            self._stream.receive(view, deadline)

        with self._ending():
            header = wire.read_header(receive, promise.bounds)
            if header.request != promise.request or header.nonce != promise.nonce:
                raise wire.MalformedFrame("an answer to something that was not asked")
            answers = header.kind is wire.Kind.RESULT
            value = wire.read_value(receive, header, promise.bounds if answers else _COMPLAINT)
        if answers:
            promise.value = value
        else:
            promise.error = self._complaint(header.kind, value)
            if not promise.awaited:
                self._late = self._late or promise.error
        promise.done = True

    def _only(self, error: StudentError) -> StudentError:
        """The one error to raise: what else was asked for meanwhile may fail because of it."""
        while self._owed and self._ended is None:
            self._receive_next()
        self._late = None
        return error

    def _complaint(self, reply: wire.Kind, value: wire.Value) -> StudentError:
        """What an EXCEPTION or UNSUPPORTED frame says."""
        with self._faults():
            evidence = self._sandbox.evidence()
        if evidence.process_limit_hit:
            raise self._end(Failure.PROCESS_LIMIT)
        match reply, value:
            case wire.Kind.EXCEPTION, (str(name), str(text)):
                return StudentError(clean(name, 200), clean(text))
            case wire.Kind.UNSUPPORTED, (str(text),):
                what = f"{self._doing} gave {clean(text, 200)}"
                return UnsupportedValue(
                    "TypeError", f"{what}; {self._results} or a number was expected"
                )
        raise self._end(Failure.PROTOCOL_VIOLATION, "a complaint without its text")

    def _wait(self, direction: Direction, deadline: float) -> None:
        """Wait for the channel, taking in what is printed meanwhile."""
        channel, output = self._sandbox.channel.fileno(), self._sandbox.output.fileno()
        ready: set[int] = set()
        while channel not in ready:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            poll = select.poll()
            poll.register(channel, select.POLLIN if direction == "readable" else select.POLLOUT)
            if self._output_open:
                poll.register(output, select.POLLIN)
            ready = {descriptor for descriptor, _ in poll.poll(min(left, 3600.0) * 1000)}
            if output in ready:
                self._drain_output()

    def _drain_output(self) -> None:
        self._read_output()
        if self._output_bytes > self._output_limit:
            raise self._end(Failure.OUTPUT_LIMIT)

    def _read_output(self) -> None:
        """Take in what is there, at most to the limit."""
        while self._output_open and self._output_bytes <= self._output_limit:
            try:
                chunk = self._sandbox.output.recv(1 << 16)
            except BlockingIOError:
                return
            except ConnectionError:
                chunk = b""
            self._output_open = bool(chunk)
            self._output_bytes += len(chunk)
            self._output += chunk[: max(0, _KEPT_OUTPUT - len(self._output))]

    @contextlib.contextmanager
    def _ending(self) -> Iterator[None]:
        """What goes wrong with the channel ends the sandbox."""
        try:
            yield
        except (EOFError, ConnectionError):
            raise self._end(None) from None
        except TimeoutError:
            raise self._end(Failure.TIME_LIMIT) from None
        except wire.MalformedFrame as error:
            raise self._end(Failure.PROTOCOL_VIOLATION, str(error)) from None

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        """Where engine or kernel cannot tell, there is no going on."""
        try:
            yield
        except InfrastructureFault as fault:
            self._ended = fault
            with contextlib.suppress(InfrastructureFault):
                self._sandbox.close()
            raise

    def _end(self, reason: Failure | None, detail: str = "") -> BaseException:
        """Find out what ended the sandbox, and remove it."""
        out_of_time = time.monotonic() >= self._deadline
        with self._faults():
            evidence = self._sandbox.evidence(ended=reason is None)
            self._read_output()
            if self._trusted:
                said = clean(self._output.decode("utf-8", "replace"), 500).strip()
                raise InfrastructureFault(
                    f"The sandbox ended before any student code was loaded (exit code "
                    f"{evidence.exit_code}, {reason or 'by itself'}). Try again; if it stays so, "
                    f"rebuild its image. {said}"
                )
            self._sandbox.close()
        failure = attribute(reason, evidence)
        if failure is Failure.TIME_LIMIT and out_of_time:
            wall_s = self._limits.wall_s
            message = f"The whole grading took longer than {wall_s:g} s (during: {self._doing})."
        else:
            code = evidence.exit_code
            message = explain(failure, self._limits, self._doing, exit_code=code, detail=detail)
        self._ended = SandboxEnded(failure, message)
        return self._ended
