import numpy as np

from grader.checking import assert_array, assert_unchanged, check, whole_numbers


@check(group="behaviour", points=4)
def test_dtype_kept(student, rng):
    """What is float32 stays float32, and what is float64 stays float64."""
    for dtype in (np.float32, np.float64):
        square = whole_numbers(rng, 3, 3, dtype=dtype)
        long = whole_numbers(rng, 6, 6, dtype=dtype)
        x = whole_numbers(rng, 2, 4, 4, dtype=dtype)
        results = {
            "convert_kernel": (
                student.convert_kernel(square.copy(), "torch_linear", "keras_dense"),
                square,
            ),
            "convert_window": (
                student.convert_window(long.copy(), "keras_dense", "torch_linear", (2,)),
                long,
            ),
            "move_channels": (
                student.move_channels(x.copy(), "channels_last", "channels_first"),
                x,
            ),
            "visited_positions": (student.visited_positions(x.copy(), (1,)), x),
        }
        for function, (result, given) in results.items():
            name = f"what {function} returns"
            assert_array(actual=result, shape=given.shape, dtype=dtype, name=name)


@check(group="behaviour", points=4)
def test_given_arrays_unchanged(student, rng):
    """Arrays that you are given keep their numbers and their shape."""
    for layout, shape in (("keras_conv", (1, 1, 3, 3)), ("torch_conv", (3, 3, 1, 1))):
        kernel = whole_numbers(rng, *shape)
        held = student.hold(kernel)
        converted = student.convert_kernel(held, layout, "keras_dense")
        assert_array(actual=converted, shape=(3, 3), dtype=np.float32, name="the kernel")
        assert_unchanged(held, kernel, "kernel")
        large = whole_numbers(rng, *((2, 2, 4, 4) if layout == "keras_conv" else (4, 4, 2, 2)))
        held = student.hold(large)
        student.convert_window(held, layout, "keras_dense", (2, 2))
        assert_unchanged(held, large, "kernel")
    x = whole_numbers(rng, 2, 4, 4, 4)
    held = student.hold(x)
    student.move_channels(held, "channels_first", "channels_last")
    student.visited_positions(held, (2, 2))
    assert_unchanged(held, x, "x")
