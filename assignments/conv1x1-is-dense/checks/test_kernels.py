from hypothesis.strategies import integers, lists, sampled_from
from loading import SIZES, check_loaded, drawn_x

from grader.checking import assert_array, assert_matches, check, drawn, whole_numbers

SPATIAL = lists(integers(1, 4), min_size=1, max_size=3)
SIZE = integers(1, 5)


def check_pairs(student, reference, rng, pairs, spatial, channels, units):
    """Check each conversion, to a convolution of the input's rank."""
    for pair in pairs:
        check_loaded(
            reference,
            rng,
            pair,
            lambda kernel, source, target: student.convert_kernel(
                kernel, source, target, len(spatial)
            ),
            spatial=spatial,
            channels=channels,
            units=units,
        )


@check(group="kernels", points=6)
@drawn(examples=6, always=SIZES, spatial=SPATIAL, channels=SIZE, units=SIZE)
def test_keras(student, reference, rng, spatial, channels, units):
    """Keras: Dense and convolutions with kernel size 1 are equal, given converted kernels."""
    pairs = (("keras_dense", "keras_conv"), ("keras_conv", "keras_dense"))
    check_pairs(student, reference, rng, pairs, spatial, channels, units)


@check(group="kernels", points=6)
@drawn(examples=6, always=SIZES, spatial=SPATIAL, channels=SIZE, units=SIZE)
def test_torch(student, reference, rng, spatial, channels, units):
    """PyTorch: Linear and convolutions with kernel size 1 are equal, given converted kernels."""
    pairs = (("torch_linear", "torch_conv"), ("torch_conv", "torch_linear"))
    check_pairs(student, reference, rng, pairs, spatial, channels, units)


@check(group="kernels", points=6)
@drawn(examples=6, always=SIZES, spatial=SPATIAL, channels=SIZE, units=SIZE)
def test_between_keras_and_torch(student, reference, rng, spatial, channels, units):
    """A kernel of Keras makes PyTorch's layers equal to Keras', and the other way round."""
    ours, theirs = ("keras_dense", "keras_conv"), ("torch_linear", "torch_conv")
    pairs = [pair for k in ours for t in theirs for pair in ((k, t), (t, k))]
    check_pairs(student, reference, rng, pairs, spatial, channels, units)


@check(group="kernels", points=6, visibility="hidden")
@drawn(
    examples=6,
    always=(
        {"ranks": [1, 3], "channels": 5, "units": 7, "dtype": "float64"},
        {"ranks": [2, 1], "channels": 6, "units": 6, "dtype": "float64"},
    ),
    ranks=lists(integers(1, 3), min_size=2, max_size=2),
    channels=integers(5, 9),
    units=integers(5, 9),
    dtype=sampled_from(("float32", "float64")),
)
def test_every_pair(student, reference, rng, ranks, channels, units, dtype):
    """Any layout to any other, larger, and between convolutions of different rank."""
    spatial = {1: (12,), 2: (3, 4), 3: (2, 3, 2)}
    x = drawn_x(rng, 2, 12, channels)
    bias = whole_numbers(rng, units)
    for source in reference.KERNELS:
        there = (2, *spatial[ranks[0]], channels)
        kernel = whole_numbers(
            rng, *reference.kernel_shape(source, (1,) * ranks[0], channels, units), dtype=dtype
        )
        expected = reference.layer_output(source, kernel, bias, x.reshape(there))
        for target in reference.KERNELS:
            here = (2, *spatial[ranks[1]])
            converted = assert_array(
                actual=student.convert_kernel(kernel.copy(), source, target, ranks[1]),
                shape=reference.kernel_shape(target, (1,) * ranks[1], channels, units),
                dtype=dtype,
                name=f"the kernel for {target}, from {source}",
            )
            assert_matches(
                actual=reference.layer_output(target, converted, bias, x.reshape(*here, channels)),
                expected=expected.reshape(*here, units),
                name=f"the output of {target}, loaded with a kernel of {source} that you converted",
            )
