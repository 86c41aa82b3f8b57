"""What tensors become on their way out of a sandbox, and arrays on their way in."""

import warnings

import numpy as np
import pytest

from grader.errors import SandboxUnavailable
from grader.sandbox.agent import wire
from grader.sandbox.agent.devices import Numpy, TorchOnCpu, device
from grader.sandbox.client import MODULE, AgentClient
from grader.sandbox.failures import StudentError, UnsupportedValue
from grader.sandbox.limits import Limits
from grader.sandbox.process import ProcessLauncher
from grader.sandbox.runtime import NUMPY, Arrays, Device, Runtime

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.oracles

TORCH = Runtime(arrays=Arrays.TORCH)
SOURCE = """
import torch

grad_mode = torch.is_grad_enabled()
cases = iter(CASES)


class Layer:
    def __init__(self):
        self.weight = torch.ones(2)

    def kind(self, x):
        return (isinstance(x, torch.Tensor), x.is_contiguous(), torch.is_grad_enabled())

    def strides(self, x):
        return x.stride()

    def same(self, x):
        return x

    def spoil(self, x):
        x.mul_(2)

    def evaluate(self):
        return EXPRESSION
"""


@pytest.fixture(scope="module")
def cpu():
    return device("torch", "cpu")


@pytest.fixture
def layer():
    """A function that loads a layer in a process of its own and gives client and handle."""
    clients = []

    def load(expression="None", cases=()):
        client = AgentClient(ProcessLauncher(runtime=TORCH).launch(Limits()), Limits())
        clients.append(client)
        client.hello(TORCH)
        source = SOURCE.replace("EXPRESSION", expression)
        source = source.replace("CASES", f"[{', '.join(f'lambda: {case}' for case in cases)}]")
        client.load("layers.py", {"layers.py": source.encode()})
        return client, client.construct(MODULE, "Layer", (), {})

    yield load
    for client in clients:
        client.close()


def ask(client, owner, name, *args):
    return client.result(client.call(owner, name, args, {}))


@pytest.mark.parametrize("dtype", wire.DTYPES, ids=str)
def test_every_dtype_of_the_wire_goes_in_and_out(cpu, dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    tensor = cpu.given(array)
    assert tensor.shape == (2, 3)
    assert str(tensor.dtype) == f"torch.{dtype.name}"
    back = cpu.taken(tensor)
    assert back.dtype == dtype
    assert np.array_equal(back, array)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (2, 3, 4, 5)])
def test_shapes_stay_as_they_are(cpu, shape):
    array = np.ones(shape, np.float32)
    assert tuple(cpu.given(array).shape) == shape
    assert cpu.taken(cpu.given(array)).shape == shape


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a.T,
        lambda a: a[:, ::2],
        np.asfortranarray,
        lambda a: a.swapaxes(0, 1),
    ],
)
def test_a_view_arrives_with_its_strides_and_shares_memory(cpu, view):
    array = view(np.arange(12, dtype=np.float32).reshape(3, 4))
    tensor = cpu.given(array)
    assert tensor.stride() == tuple(stride // 4 for stride in array.strides)
    tensor[0, 0] = 99
    assert array[0, 0] == 99


@pytest.mark.parametrize(
    "view", [lambda a: a[::-1], lambda a: a[:, ::-2], lambda a: a.T[::-1, ::-1]]
)
def test_a_reversed_view_arrives_as_a_copy_of_the_same_numbers(cpu, view):
    array = view(np.arange(12, dtype=np.float32).reshape(3, 4))
    tensor = cpu.given(array)
    assert np.array_equal(tensor.numpy(), array)
    assert all(stride > 0 for stride in tensor.stride())
    held = cpu.held(array)
    assert np.shares_memory(cpu.given(held).numpy(), held)  # so that it can be looked at later


def test_an_array_that_is_read_only_arrives_without_a_warning(cpu):
    array = np.ones(3, np.float32)
    array.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cpu.given(array).tolist() == [1, 1, 1]


PLAIN = {
    "a leaf that requires a gradient": lambda: torch.ones(2, requires_grad=True),
    "a result that has a history": lambda: 1 * torch.ones(2, requires_grad=True),
    "a parameter": lambda: torch.nn.Parameter(torch.ones(2)),
    "a view": lambda: torch.ones(2, 3)[:, 1],
    "an expanded tensor": lambda: torch.ones(1).expand(2),
    "a conjugated view": lambda: torch.ones(2, dtype=torch.complex64).conj(),
    "a negative view": lambda: (torch.ones(2, dtype=torch.complex64) * -1j).conj().imag,
    "a subclass": lambda: torch.ones(2).as_subclass(Loud),
}


class Loud(torch.Tensor):
    """Answers for whatever is done with it."""

    @classmethod
    def __torch_function__(cls, *args, **named):
        raise ZeroDivisionError


@pytest.mark.parametrize("kind", PLAIN)
def test_a_tensor_crosses_as_its_elements(cpu, kind):
    taken = cpu.taken(PLAIN[kind]())
    assert type(taken) is np.ndarray
    assert taken.flags.c_contiguous
    assert taken.tolist() == [1, 1]


STRANGE = {
    "torch.ones(2).to_sparse()": "layout sparse_coo",
    "torch.ones(2).bfloat16()": "dtype torch.bfloat16",
    "torch.ones(2).to(torch.float8_e5m2)": "dtype torch.float8_e5m2",
    "torch.ones(2, dtype=torch.uint16)": "dtype torch.uint16",
    "torch.empty(2, device='meta')": "device meta",
    "torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])": "layout nested",
    "torch.ones(2).to_mkldnn()": "layout _mkldnn",
    "torch.ones(2).numpy()": "a NumPy array",
    "torch.ones((1,) * 9)": "9 dimensions",
    "[torch.ones(2)]": "type list",
    "torch.ones(2).shape": "type Size",
    "torch.float32": "type dtype",
    "'text'": "type str",
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("expression", list(STRANGE)[:6])
def test_what_is_no_plain_tensor_is_named(cpu, expression):
    with pytest.raises(wire.UnsupportedType, match=STRANGE[expression]):
        cpu.taken(eval(expression, {"torch": torch}))


def test_numpy_stays_numpy():
    array = np.ones(2)[::-1]
    assert Numpy().given(array) is Numpy().taken(array) is Numpy().held(array) is array


def test_the_agent_lives_on_after_every_value_that_cannot_cross(layer):
    client, handle = layer("next(cases)()", STRANGE)
    for message in STRANGE.values():
        with pytest.raises(UnsupportedValue, match=message) as refusal:
            ask(client, handle, "evaluate")
        assert "a tensor or a number was expected" in str(refusal.value)
        assert ask(client, handle, "same", np.ones(2, np.float32)).tolist() == [1, 1]


LYING = (
    "torch.ones(2).as_subclass(type('T', (torch.Tensor,), {'dtype': property(lambda _: 1 / 0)}))"
)


def test_a_tensor_that_is_too_large_or_lies_is_the_students_exception(layer):
    client, handle = layer("next(cases)()", ["torch.ones(1).expand(1 << 45)", LYING])
    for _ in range(2):
        with pytest.raises(StudentError):
            ask(client, handle, "evaluate")
    assert ask(client, handle, "same", np.ones(1, np.float32)).tolist() == [1]


def test_layers_get_tensors_with_their_layout_and_without_gradients(layer):
    client, handle = layer()
    matrix = np.ones((2, 3), np.float32)
    assert ask(client, handle, "kind", matrix) == (True, True, False)
    assert ask(client, handle, "kind", matrix.T) == (True, False, False)
    assert client.result(client.get(MODULE, "grad_mode")) is False
    client.set(handle, "weight", matrix)
    assert np.array_equal(client.result(client.get(handle, "weight")), matrix)


def test_gradients_that_a_call_switches_on_are_off_in_the_next(layer):
    client, handle = layer("torch.set_grad_enabled(True).__class__ and torch.is_grad_enabled()")
    assert ask(client, handle, "evaluate") is True
    assert ask(client, handle, "kind", np.ones(1, np.float32))[2] is False


@pytest.mark.parametrize("view", [lambda a: a, lambda a: a.T, lambda a: a[::-1]])
def test_a_write_into_an_input_that_is_held_is_seen(layer, view):
    client, handle = layer()
    array = view(np.arange(6, dtype=np.float32).reshape(2, 3))
    held = client.hold(array)
    assert ask(client, handle, "spoil", held) is None
    assert np.array_equal(client.result(client.fetch(held)), 2 * array)


def test_a_library_that_is_not_there_is_a_fault_of_ours(monkeypatch):
    monkeypatch.setattr("grader.sandbox.runtime.importlib.util.find_spec", lambda _name: None)
    with pytest.raises(SandboxUnavailable, match=r"pip install 'onebyone\[torch\]'"):
        ProcessLauncher(runtime=TORCH)


def test_a_device_that_is_not_there_is_a_fault_of_ours():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    client = AgentClient(ProcessLauncher(runtime=TORCH).launch(Limits()), Limits())
    try:
        with pytest.raises(SandboxUnavailable, match="--device"):
            client.hello(Runtime(arrays=Arrays.TORCH, device=Device.CUDA))
    finally:
        client.close()


def test_trusted_code_needs_no_gpu():
    assert Runtime(arrays=Arrays.TORCH, device=Device.CUDA).here == TORCH
    assert NUMPY.here is not None
    assert isinstance(device("torch", "cpu"), TorchOnCpu)
    with pytest.raises(KeyError):
        device("torch", "abacus")
