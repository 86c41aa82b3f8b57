import numpy as np
import pytest

from grader.checking.equivalence import check_equivalent
from grader.checking.mismatch import Mismatch
from grader.checking.oracle import whole_numbers


class Dense:
    axis = -1

    def __init__(self, inputs, units, rank=0):
        self.kernel = np.zeros((1,) * rank + (inputs, units), np.float32)
        self.bias = np.zeros(units, np.float32)

    @property
    def matrix(self):
        return self.kernel.reshape(self.kernel.shape[-2:])

    def forward(self, x):
        self.x = np.moveaxis(x, self.axis, -1)
        y = self.x @ self.matrix
        return np.moveaxis(y if self.bias is None else y + self.bias, -1, self.axis)

    def backward(self, dy):
        dy = np.moveaxis(dy, self.axis, -1)
        rows = dy.reshape(-1, dy.shape[-1])
        self.d_kernel = (self.x.reshape(len(rows), -1).T @ rows).reshape(self.kernel.shape)
        self.d_bias = rows.sum(axis=0)
        return np.moveaxis(dy @ self.matrix.T, -1, self.axis)

    def count_params(self):
        return self.kernel.size + self.bias.size


class ChannelsFirst(Dense):
    axis = 1


class WithoutBias(ChannelsFirst):
    def forward(self, x):
        return super().forward(x) - self.bias.reshape(-1, 1, 1)


class NoBiasDense(Dense):
    def forward(self, x):
        return super().forward(x) - self.bias


class Writing(Dense):
    def forward(self, x):
        y = super().forward(x.copy())
        x *= 0
        return y


def compare(a, b, axis=1, **options):
    rng = np.random.default_rng(0)
    x, dy = whole_numbers(rng, 2, 4, 5, 3), whole_numbers(rng, 2, 4, 5, 6)
    check_equivalent(
        a,
        b,
        x=x,
        dy=dy,
        to_b=lambda array: np.moveaxis(array, -1, axis),
        rng=rng,
        names=("Dense", "Conv"),
        **options,
    )


def test_layers_of_another_rank_and_layout_are_equivalent():
    compare(Dense(3, 6), ChannelsFirst(3, 6, rank=2))
    compare(Dense(3, 6), Dense(3, 6, rank=2), axis=-1)


def test_layers_without_a_bias_are_equivalent():
    layers = Dense(3, 6), ChannelsFirst(3, 6, rank=2)
    for layer in layers:
        layer.count_params = lambda: 18
    compare(*layers, use_bias=False)


def test_one_layer_does_not_see_what_the_other_wrote_into_its_input():
    compare(Writing(3, 6), ChannelsFirst(3, 6, rank=2))


def test_the_wrong_one_of_two_is_named():
    with pytest.raises(Mismatch) as caught:
        compare(Dense(3, 6), WithoutBias(3, 6, rank=2))
    assert "differ in the output: Dense is right, Conv is not" in caught.value.message
    assert caught.value.counterexample["shape"] == [2, 6, 4, 5]
    with pytest.raises(Mismatch, match="Conv is right, Dense is not"):
        compare(NoBiasDense(3, 6), ChannelsFirst(3, 6, rank=2))


def test_two_layers_that_are_wrong_in_the_same_way_do_not_pass():
    with pytest.raises(Mismatch, match="both wrong in the output"):
        compare(NoBiasDense(3, 6), WithoutBias(3, 6, rank=2))


def test_a_wrong_gradient_is_named():
    layer = ChannelsFirst(3, 6, rank=2)
    backward = layer.backward
    layer.backward = lambda dy: backward(dy) * 2
    with pytest.raises(Mismatch, match="differ in the gradient of x: Dense is right"):
        compare(Dense(3, 6), layer)


def test_another_number_of_parameters_is_told():
    layer = ChannelsFirst(3, 6, rank=2)
    layer.count_params = lambda: 18
    with pytest.raises(Mismatch, match="Dense has 24 parameters, Conv has 18"):
        compare(Dense(3, 6), layer)
    layer.count_params = lambda: None
    with pytest.raises(Mismatch, match="is None, not a whole number"):
        compare(Dense(3, 6), layer)


@pytest.mark.parametrize("kernel", [None, np.zeros((6, 3)), np.zeros((2, 3, 6)), 3.0])
def test_a_kernel_that_cannot_hold_the_weights_is_refused(kernel):
    layer = ChannelsFirst(3, 6, rank=2)
    layer.kernel = kernel
    with pytest.raises(Mismatch, match="kernel of Conv has the shape"):
        compare(Dense(3, 6), layer)


def test_data_that_are_not_whole_numbers_are_the_authors_mistake():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="whole numbers"):
        check_equivalent(
            Dense(3, 6),
            Dense(3, 6),
            x=rng.standard_normal((2, 3)),
            dy=rng.standard_normal((2, 6)),
            to_b=lambda array: array,
            rng=rng,
        )
