from grader.checking import assert_matches, check


def build(student, case):
    layer = student.Dense(*case.kernel.shape)
    layer.kernel, layer.bias = case.kernel, case.bias
    return layer


def near(rng, size):
    """A size within six percent, so that nobody can know it beforehand."""
    return int(rng.integers(size * 94 // 100, size * 106 // 100 + 1))


def judge(speed, reference, rng, call):
    inputs, units = near(rng, 256), near(rng, 256)
    speed.judge(
        lambda rng, positions: reference.work(rng, positions, inputs, units, call=call),
        small=lambda rng: reference.work(rng, 64, 32, 32, call=call),
        ladder=call,
    )


@check(group="forward", points=1)
def test_forward(student, reference, rng):
    """Forward is right."""
    case = reference.case(rng, 5, 3)
    assert_matches(actual=build(student, case).forward(case.x), expected=case.output)


@check(group="gradients", points=1)
def test_gradients(student, reference, rng):
    """Backward is right."""
    case = reference.case(rng, 5, 3)
    layer = build(student, case)
    layer.forward(case.x)
    assert_matches(actual=layer.backward(case.dy), expected=case.gradients["x"])
    assert_matches(actual=layer.d_kernel, expected=case.gradients["kernel"])
    assert_matches(actual=layer.d_bias, expected=case.gradients["bias"])


@check(group="speed", points=3, needs=("forward",))
def test_forward_speed(speed, reference, rng):
    """Forward is fast."""
    judge(speed, reference, rng, "forward")


@check(group="speed", points=3, needs=("forward", "gradients"))
def test_backward_speed(speed, reference, rng):
    """Backward is fast."""
    judge(speed, reference, rng, "backward")
