"""Grades as many do: student code, tests and answers in one process; its exit code is the score.

Here so that the attacks of this folder can be seen to work on something. Never use it.
"""

import sys
import time

sys.path.insert(0, "submission")

import layers
import numpy as np
import reference


def case(shape, units=4):
    rng = np.random.default_rng(0)
    kernel = rng.integers(-4, 5, (shape[-1], units)).astype(np.float32)
    bias = np.zeros(units, np.float32)
    return rng.integers(-4, 5, shape).astype(np.float32), kernel, bias


def build(module, kernel, bias):
    layer = module.Dense(*kernel.shape)
    layer.kernel, layer.bias = kernel, bias
    return layer


def forward_is_right():
    x, kernel, bias = case((2, 3))
    actual = build(layers, kernel, bias).forward(x)
    expected = build(reference, kernel, bias).forward(x)
    return np.allclose(actual, expected, rtol=1e-2, atol=1e-2)


def backward_is_right():
    x, kernel, bias = case((2, 3))
    dy, _, _ = case((2, 4))
    student, right = build(layers, kernel, bias), build(reference, kernel, bias)
    student.forward(x)
    right.forward(x)
    return np.allclose(student.backward(dy), right.backward(dy), rtol=1e-2, atol=1e-2)


def seconds_of(module):
    x, kernel, bias = case((2, 3))
    started = time.perf_counter()
    for _ in range(10):
        build(module, kernel, bias).forward(x)
    return time.perf_counter() - started


def is_fast():
    return seconds_of(layers) <= 0.05 + 4 * seconds_of(reference)


for test in (forward_is_right, backward_is_right, is_fast):
    try:
        passed = test()
    except Exception as error:
        print(f"{test.__name__}: {type(error).__name__}: {error}")
        passed = False
    if not passed:
        sys.exit(1)
