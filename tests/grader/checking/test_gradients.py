import numpy as np
import pytest

from grader.checking.gradients import check_gradients
from grader.checking.mismatch import Mismatch
from grader.checking.oracle import affine, affine_gradients, whole_numbers
from grader.checking.recorder import recording


class Layer:
    """A right dense layer; tests derive wrong ones from it."""

    kernel = bias = d_kernel = d_bias = None

    def forward(self, x):
        self.x = x
        return self.output(x)

    def output(self, x):
        y = x @ self.kernel
        return y if self.bias is None else y + self.bias

    def backward(self, dy):
        self.d_kernel = self.x.T @ dy
        self.d_bias = dy.sum(axis=0)
        return dy @ self.kernel.T


def normal(rng, *shape, dtype):
    return rng.standard_normal(shape).astype(dtype)


def check(layer, *, draw=whole_numbers, dtype=np.float32, seed=0, sizes=(5, 4, 3), use_bias=True):
    rng = np.random.default_rng(seed)
    rows, inputs, units = sizes
    x, dy = draw(rng, rows, inputs, dtype=dtype), draw(rng, rows, units, dtype=dtype)
    kernel = draw(rng, inputs, units, dtype=dtype)
    bias = draw(rng, units, dtype=dtype) if use_bias else None
    check_gradients(
        layer,
        x=x,
        dy=dy,
        parameters={"kernel": kernel, "bias": bias},
        forward=affine(x, kernel, bias),
        gradients=affine_gradients(x, kernel, dy, use_bias=use_bias),
        rng=rng,
    )
    assert np.array_equal(layer.kernel, kernel)


class NoBias(Layer):
    def output(self, x):
        return x @ self.kernel

    def backward(self, dy):
        dx = super().backward(dy)
        self.d_bias = np.zeros_like(self.bias)
        return dx


class NoBiasTextbookBackward(Layer):
    def output(self, x):
        return x @ self.kernel


class Doubled(Layer):
    def output(self, x):
        return 2 * super().output(x)

    def backward(self, dy):
        return super().backward(2 * dy)


class Offset(Layer):
    def output(self, x):
        return super().output(x) + np.float32(1)


class MeanKernelGradient(Layer):
    def backward(self, dy):
        dx = super().backward(dy)
        self.d_kernel = self.d_kernel / np.float32(len(dy))
        return dx


class DoubledForwardMeanGradient(MeanKernelGradient):
    def output(self, x):
        return 2 * super().output(x)


class StaleKernel(Layer):
    first = None

    def output(self, x):
        self.first = self.kernel if self.first is None else self.first
        return x @ self.first + self.bias


class KeepDims(Layer):
    def backward(self, dy):
        dx = super().backward(dy)
        self.d_bias = dy.sum(axis=0, keepdims=True)
        return dx


class Nothing(Layer):
    def backward(self, dy):
        return None


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("draw", [whole_numbers, normal])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("sizes", [(5, 4, 3), (1, 1, 1), (40, 2, 1), (2, 200, 3), (0, 3, 2)])
def test_a_right_layer_passes(seed, draw, dtype, sizes):
    with recording() as recorded:
        check(Layer(), draw=draw, dtype=dtype, seed=seed, sizes=sizes)
    assert 0.0 <= recorded.metrics["finite_difference_over_bound"] < 0.9
    assert recorded.metrics["worst_error_over_bound"] < 1.0


def test_a_layer_without_bias_passes():
    check(Layer(), use_bias=False)


@pytest.mark.parametrize("draw", [whole_numbers, normal])
@pytest.mark.parametrize(
    ("layer", "advice"),
    [
        (MeanKernelGradient, "Forward is right, backward is wrong for kernel."),
        (KeepDims, "Forward is right, backward is wrong for bias."),
        (Nothing, "Forward is right, backward is wrong for x and kernel and bias."),
        (NoBias, "the right derivative of a wrong forward"),
        (Doubled, "the right derivative of a wrong forward"),
        (NoBiasTextbookBackward, "textbook gradient of bias, but it does not belong"),
        (Offset, "depends neither on x nor on a parameter"),
        (DoubledForwardMeanGradient, "Forward and backward are both wrong."),
        (StaleKernel, "does not follow a change of kernel"),
    ],
)
def test_the_advice_says_where_to_look_first(layer, advice, draw):
    if layer is Nothing:
        advice = advice.replace("x and kernel and bias", "x, kernel and bias")
    with pytest.raises(Mismatch) as caught:
        check(layer(), draw=draw)
    assert advice in caught.value.message.split("\n")[0]


def test_the_message_tells_each_gradient_and_the_first_wrong_element():
    with pytest.raises(Mismatch) as caught:
        check(MeanKernelGradient())
    message = caught.value.message
    assert "Everywhere it is 0.2 times what is expected." in message
    assert "- gradient of x: right; is the derivative of your own forward" in message
    assert "- gradient of kernel: wrong; is not the derivative of your own forward" in message
    assert caught.value.counterexample["name"] == "the gradient of kernel"


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (lambda x: None, "Wrong type of the output"),
        (lambda x: np.zeros((3, 5), np.float32), "Wrong shape of the output"),
        (lambda x: np.zeros((5, 3)), "Wrong dtype of the output"),
        (lambda x: np.full((5, 3), np.nan, np.float32), "Not finite"),
    ],
)
def test_an_output_that_cannot_be_compared_is_reported_for_what_it_is(output, words):
    layer = Layer()
    layer.output = output
    with pytest.raises(Mismatch, match=words):
        check(layer)


def test_an_output_that_changes_its_shape_midway_is_reported():
    layer = Layer()
    calls = []

    def output(x):
        calls.append(x)
        return Layer.output(layer, x)[: 5 if len(calls) == 1 else 2]

    layer.output = output
    with pytest.raises(Mismatch, match="Wrong shape of the output"):
        check(layer)


def test_backward_comes_after_a_forward_at_the_very_input():
    x = whole_numbers(np.random.default_rng(0), 5, 4)

    class Strict(Layer):
        def forward(self, x):
            self.latest = x.copy()
            return super().forward(x)

        def backward(self, dy):
            assert np.array_equal(self.latest, x)
            return super().backward(dy)

    check(Strict())


def test_gradients_may_have_other_names():
    class Torch(Layer):
        @property
        def weight(self):
            return self.kernel

        @weight.setter
        def weight(self, value):
            self.kernel = value

        @property
        def weight_grad(self):
            return self.d_kernel

    rng = np.random.default_rng(0)
    x, w, dy = (whole_numbers(rng, *shape) for shape in ((4, 3), (3, 2), (4, 2)))
    gradients = affine_gradients(x, w, dy, use_bias=False)
    check_gradients(
        Torch(),
        x=x,
        dy=dy,
        parameters={"weight": w},
        forward=affine(x, w),
        gradients={"x": gradients["x"], "weight": gradients["kernel"]},
        gradient_names={"weight": "weight_grad"},
        rng=rng,
    )
