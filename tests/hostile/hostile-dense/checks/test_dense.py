from grader.checking import assert_matches, check


def build(student, case):
    layer = student.Dense(*case.kernel.shape)
    layer.kernel, layer.bias = case.kernel, case.bias
    return layer


def judge_forward(student, case):
    assert_matches(actual=build(student, case).forward(case.x), expected=case.output)


@check(group="forward", points=20)
def test_shown(student, reference, rng):
    """Forward is right for the shape that everybody knows."""
    judge_forward(student, reference.case(rng, (2,), 3, 4))


@check(group="forward", points=20, visibility="hidden")
def test_hidden(student, reference, rng):
    """Forward is right for a shape that nobody knows."""
    leading = tuple(rng.integers(2, 5, rng.integers(1, 4)))
    judge_forward(student, reference.case(rng, leading, *rng.integers(5, 9, 2)))


@check(group="forward", points=20, visibility="hidden")
def test_repeated(student, reference, rng):
    """Forward is right each time, and each time for other numbers of the same shape."""
    first, second, large = (reference.case(rng, (rows,), 64, 8) for rows in (5, 5, 4096))
    layer = build(student, first)
    early = layer.forward(first.x)
    judge_forward(student, second)
    judge_forward(student, large)
    assert_matches(actual=early, expected=first.output)


@check(group="gradients", points=30, visibility="hidden")
def test_gradients(student, reference, rng):
    """Backward is right."""
    case = reference.case(rng, (3, 2), 5, 4)
    layer = build(student, case)
    layer.forward(case.x)
    assert_matches(actual=layer.backward(case.dy), expected=case.gradients["x"])
    assert_matches(actual=layer.d_kernel, expected=case.gradients["kernel"])
    assert_matches(actual=layer.d_bias, expected=case.gradients["bias"])


@check(group="style", points=10, needs=("forward",))
def test_style(style):
    """It is written from scratch."""
    style.judge()
