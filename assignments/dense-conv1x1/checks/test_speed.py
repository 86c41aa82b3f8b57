from grader.checking import check

FORWARD = {"group": "speed", "needs": ("forward",)}
BACKWARD = {"group": "speed", "needs": ("forward", "gradients")}


def near(rng, size):
    """A size within six percent, so that nobody can know it beforehand."""
    return int(rng.integers(size * 94 // 100, size * 106 // 100 + 1))


def judge(speed, rng, work, inputs, outputs, call):
    """Judge a call of a layer of about these sizes."""
    sizes = near(rng, inputs), near(rng, outputs)
    speed.judge(
        lambda rng, positions: work(rng, positions, *sizes, call=call),
        small=lambda rng: work(rng, 512, 32, 32, call=call),
        ladder=call,
    )


def judge_memory(speed, reference, call):
    """Judge the peak for many positions of few channels, as many before as after."""
    speed.judge_memory(
        lambda rng, positions: reference.dense_work(rng, positions, 16, 16, call=call),
        positions=16384,
        ladder="memory",
    )


@check(**FORWARD, points=3)
def test_dense_forward(speed, reference, rng):
    """Dense: forward is fast, with about as many units as inputs."""
    judge(speed, rng, reference.dense_work, 512, 512, "forward")


@check(**FORWARD, points=3)
def test_conv_forward(speed, reference, rng):
    """Conv1x1: forward is fast, from few channels to many filters."""
    judge(speed, rng, reference.conv1x1_work, 96, 1536, "forward")


@check(**FORWARD, points=3)
def test_narrowing_forward(speed, reference, rng):
    """Dense: forward is fast, from many inputs to few units."""
    judge(speed, rng, reference.dense_work, 1024, 64, "forward")


@check(**FORWARD, points=1)
def test_memory_of_forward(speed, reference):
    """Dense: forward needs little memory beside its input and its output."""
    judge_memory(speed, reference, "forward")


@check(**BACKWARD, points=3)
def test_dense_backward(speed, reference, rng):
    """Dense: backward is fast, with about as many units as inputs."""
    judge(speed, rng, reference.dense_work, 512, 512, "backward")


@check(**BACKWARD, points=3)
def test_conv_backward(speed, reference, rng):
    """Conv1x1: backward is fast, from few channels to many filters."""
    judge(speed, rng, reference.conv1x1_work, 96, 1536, "backward")


@check(**BACKWARD, points=3)
def test_narrowing_backward(speed, reference, rng):
    """Dense: backward is fast, from many inputs to few units."""
    judge(speed, rng, reference.dense_work, 1024, 64, "backward")


@check(**BACKWARD, points=1)
def test_memory_of_backward(speed, reference):
    """Dense: backward needs little memory beside what it is given and its gradients."""
    judge_memory(speed, reference, "backward")
