"""The proxy in front of a real student module, in a plain process."""

from types import SimpleNamespace

import numpy as np
import pytest

from grader.assignment import Export, Interface
from grader.checking.student import (
    LocalModule,
    RemoteModule,
    call_later,
    get_later,
    held_value,
    local_device,
    student_raises,
)
from grader.errors import CheckBroken, InfrastructureFault, UndeclaredExport
from grader.sandbox.failures import StudentError, UnsupportedValue
from grader.sandbox.limits import Limits
from grader.sandbox.pool import SandboxPool
from grader.sandbox.runtime import Arrays, Runtime

SOURCE = b"""
import numpy as np

class Layer:
    made = 0

    def __init__(self, units, scale=1.0):
        if units < 0:
            raise ValueError("units must not be negative")
        Layer.made += 1
        self.kernel = np.full((2, units), scale)
        self.bias = None
        self.secret = 42

    def forward(self, x):
        return x @ self.kernel

    def pair(self, pair):
        return pair[1], pair[0]

    def spoil(self, x):
        x[...] = 0

    def fail(self):
        raise ValueError("nothing fits")

    def words(self):
        return ["a", "list"]

    @property
    def picky(self):
        return 1

    @picky.setter
    def picky(self, value):
        raise TypeError("not that")

    def __del__(self):
        Layer.made -= 1

def alive():
    return Layer.made

def outer(a, b=2):
    return np.outer(a, b)
"""
INTERFACE = Interface(
    file="layers.py",
    exports=(
        Export(
            name="Layer",
            kind="class",
            init="(units, scale=1.0)",
            methods=("forward", "pair", "spoil", "fail", "words"),
            attributes=("kernel", "bias", "picky"),
        ),
        Export(name="alive", kind="function", signature="()"),
        Export(name="outer", kind="function", signature="(a, b=2)"),
    ),
)


@pytest.fixture
def client(process_launcher):
    with SandboxPool(process_launcher, Limits()) as pool:
        client = pool.take()
        client.load("layers.py", {"layers.py": SOURCE})
        yield client
        pool.dispose(client)


@pytest.fixture
def student(client):
    return RemoteModule(lambda: client, INTERFACE)


def test_a_class_is_constructed_and_its_methods_are_called(student):
    layer = student.Layer(3, scale=2.0)
    np.testing.assert_array_equal(layer.forward(np.ones((1, 2))), np.full((1, 3), 4.0))


def test_methods_and_functions_have_the_names_that_students_know(student):
    assert repr(student.Layer(1).forward).startswith("<function Layer.forward at")
    assert repr(student.outer).startswith("<function outer at")


def test_a_function_is_called(student):
    np.testing.assert_array_equal(student.outer(np.arange(2.0), b=3), [[0.0], [3.0]])


def test_attributes_are_fetched_and_set(student):
    layer = student.Layer(3)
    assert layer.bias is None
    layer.kernel = np.eye(2)
    np.testing.assert_array_equal(layer.kernel, np.eye(2))
    layer.bias = np.ones(2)
    np.testing.assert_array_equal(layer.bias, np.ones(2))


def test_what_is_set_is_what_it_was_at_that_time(student):
    layer = student.Layer(3)
    kernel = np.ones((2, 2))
    layer.kernel = kernel
    kernel[...] = 7
    np.testing.assert_array_equal(layer.kernel, np.ones((2, 2)))


def test_tuples_cross_both_ways(student):
    first, second = student.Layer(1).pair((1, np.ones(2)))
    np.testing.assert_array_equal(first, np.ones(2))
    assert second == 1


def test_a_held_array_shows_what_became_of_it(student):
    x = np.ones(3)
    there = student.hold(x)
    student.Layer(1).spoil(there)
    np.testing.assert_array_equal(held_value(there), np.zeros(3))
    np.testing.assert_array_equal(x, np.ones(3))


def test_objects_are_forgotten_there_when_they_are_forgotten_here(student):
    layers = [student.Layer(1) for _ in range(5)]
    assert student.alive() == 5
    del layers[1:]
    assert student.alive() == 1


def test_what_a_student_raises_arrives_with_their_own_line(student):
    with pytest.raises(StudentError) as error:
        student.Layer(1).fail()
    assert error.value.class_name == "ValueError"
    assert "layers.py, line 25, in fail" in error.value.text
    assert "agent" not in error.value.text


def test_what_a_setter_raises_is_raised_by_the_next_request(student):
    layer = student.Layer(1)
    layer.picky = 3
    with pytest.raises(StudentError, match="not that"):
        layer.forward(np.ones((1, 2)))
    layer.forward(np.ones((1, 2)))


def test_what_a_constructor_raises_is_raised_by_the_first_use(student):
    layer = student.Layer(-1)
    with pytest.raises(StudentError, match="must not be negative"):
        layer.forward(np.ones((1, 2)))


def test_what_fails_because_of_an_error_is_not_raised_after_it(student):
    for _ in range(3):
        layer = student.Layer(-1)
        later = call_later(layer, "forward", np.ones((1, 2)))
        layer.kernel = np.ones((2, 2))
        with pytest.raises(StudentError, match="must not be negative"):
            later()
    np.testing.assert_array_equal(student.Layer(1).kernel, np.ones((2, 1)))


def test_answers_that_are_asked_for_together_come_in_order(student):
    layer = student.Layer(1)
    answers = []
    for k in range(40):
        layer.kernel = np.full((2, 1), k)
        answers.append(call_later(layer, "forward", np.ones((1, 2))))
    kernel = get_later(layer, "kernel")
    assert [int(answer()[0, 0]) for answer in answers] == [2 * k for k in range(40)]
    assert kernel()[0, 0] == 39


def test_large_arrays_do_not_block_those_that_wait_for_answers(student):
    layer = student.Layer(1)
    x = np.ones((1 << 18, 2))
    answers = [call_later(layer, "forward", x) for _ in range(4)]
    assert {answer().shape for answer in answers} == {(1 << 18, 1)}


def test_later_calls_of_an_object_of_this_process_are_made_at_once_with_copies():
    class Local:
        def spoil(self, x):
            x[...] = 0
            return x

        size = 3

    x = np.ones(3)
    assert call_later(Local(), "spoil", x)().sum() == 0
    assert x.sum() == 3
    assert get_later(Local(), "size")() == 3


def test_a_refusal_by_constructor_or_setter_is_seen_at_once(student):
    layer = student.Layer(1)
    with student_raises("a negative number of units"):
        student.Layer(-1)
    with student_raises("a picky value"):
        layer.picky = 3
    with pytest.raises(AssertionError, match="none was raised"), student_raises("so many units"):
        student.Layer(1)


def test_what_was_raised_before_is_not_taken_for_the_refusal(student):
    layer = student.Layer(-1)
    with pytest.raises(StudentError, match="must not be negative"), student_raises("anything"):
        layer.forward(np.ones((1, 2)))
    with pytest.raises(StudentError, match="constructor failed"):
        layer.forward(np.ones((1, 2)))


def test_what_is_no_array_is_refused_by_name(student):
    with pytest.raises(UnsupportedValue, match="words gave a value of type list"):
        student.Layer(1).words()


@pytest.mark.parametrize(
    "use",
    [
        lambda student: student.Other,
        lambda student: student.Layer(1).secret,
        lambda student: setattr(student.Layer(1), "secret", 1),
        lambda student: setattr(student.Layer(1), "forward", 1),
    ],
)
def test_an_undeclared_name_is_the_authors_mistake(student, use):
    with pytest.raises(UndeclaredExport):
        use(student)


def test_what_cannot_be_sent_is_the_authors_mistake(student):
    with pytest.raises(CheckBroken):
        student.Layer({"units": 3})


def test_a_refusal_that_was_hoped_for_passes():
    with student_raises("a bad shape"):
        raise StudentError("ValueError", "bad shape")


def test_a_refusal_that_does_not_come_fails():
    expected = pytest.raises(AssertionError, match="Expected an exception for a bad shape")
    with expected, student_raises("a bad shape"):
        pass


@pytest.mark.parametrize("fault", [InfrastructureFault("gone"), UndeclaredExport("no such name")])
def test_a_fault_is_not_taken_for_a_refusal(fault):
    with pytest.raises(type(fault)), student_raises("a bad shape"):
        raise fault


def test_a_local_module_holds_copies_with_the_same_layout():
    module = LocalModule(np)
    x = np.arange(6.0).reshape(2, 3).T
    x.flags.writeable = False
    held = module.hold(x)
    assert held is not x
    assert held.flags.f_contiguous
    assert not held.flags.writeable
    assert held_value(held) is held
    assert module.pi == np.pi


class Tensors:
    """A layer of trusted code that works on tensors."""

    def __init__(self):
        self.weight = None
        self.seen = []

    def forward(self, x):
        import torch

        assert isinstance(x, torch.Tensor)
        assert not torch.is_grad_enabled()
        return x * self.weight

    def spoil(self, x):
        return x.mul_(2).numel()

    def twice(self, x):
        return x, [x]

    def array(self, x):
        return x.numpy()


@pytest.fixture
def tensors():
    torch = pytest.importorskip("torch")
    before = torch.is_grad_enabled(), torch.get_num_threads()
    module = LocalModule(
        SimpleNamespace(Tensors=Tensors, double=lambda x: 2 * x),
        local_device(Runtime(arrays=Arrays.TORCH)),
    )
    yield module
    assert torch.is_grad_enabled() is before[0]
    torch.set_num_threads(before[1])


@pytest.mark.oracles
def test_a_local_module_on_tensors_takes_and_gives_arrays(tensors):
    layer = tensors.Tensors()
    assert tensors.is_class("Tensors")
    assert not tensors.is_class("double")
    layer.weight = np.full(3, 2.0, np.float32)
    assert isinstance(layer.weight, np.ndarray)
    x = np.arange(6, dtype=np.float32).reshape(2, 3)[::-1]
    assert np.array_equal(layer.forward(x), 2 * x)
    assert np.array_equal(call_later(layer, "forward", x)(), 2 * x)
    assert np.array_equal(get_later(layer, "weight")(), [2, 2, 2])
    assert np.array_equal(tensors.double(x), 2 * x)


@pytest.mark.oracles
def test_only_what_is_held_can_be_written_to_by_a_local_module(tensors):
    layer = tensors.Tensors()
    x = np.ones(3, np.float32)
    assert layer.spoil(x) == 3
    assert x.tolist() == [1, 1, 1]
    held = tensors.hold(x[::-1])
    layer.spoil(held)
    assert held_value(held).tolist() == [2, 2, 2]
    assert x.tolist() == [1, 1, 1]


@pytest.mark.oracles
@pytest.mark.parametrize(
    ("method", "what"), [("twice", "a value of type list"), ("array", "a NumPy array")]
)
def test_a_local_module_refuses_what_a_sandbox_would(tensors, method, what):
    layer = tensors.Tensors()
    with pytest.raises(UnsupportedValue, match=what):
        getattr(layer, method)(np.ones(2, np.float32))
