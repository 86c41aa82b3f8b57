"""What the helpers need of a student's layer."""

from typing import Any, Protocol

from numpy.typing import NDArray


class Layer(Protocol):
    """A layer with parameters; results are `object`, since a student may return anything.

    Its parameters are attributes that can be read and set. After `backward`, an attribute for
    each of them holds its gradient.
    """

    def forward(self, x: NDArray[Any]) -> object:
        """The output for x."""
        ...

    def backward(self, dy: NDArray[Any]) -> object:
        """The gradient of x of the latest `forward`, for the gradient dy of its output."""
        ...


class CountedLayer(Layer, Protocol):
    """A layer with Keras' names: `kernel` of shape (..., in, out) and `bias` of shape (out,)."""

    kernel: object
    bias: object
    d_kernel: object
    d_bias: object

    def count_params(self) -> object:
        """How many numbers the parameters hold."""
        ...
