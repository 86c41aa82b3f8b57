from grader.checking import check

FORWARD = {"group": "speed", "needs": ("style", "forward", "behaviour")}
BACKWARD = {"group": "speed", "needs": (*FORWARD["needs"], "gradients")}


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


@check(**FORWARD, points=4)
def test_linear_forward(speed, reference, rng):
    """Linear: forward is fast, with about as many outputs as inputs."""
    judge(speed, rng, reference.linear_work, 384, 384, "forward")


@check(**FORWARD, points=3)
def test_conv_forward(speed, reference, rng):
    """Conv2d: forward is fast, from few channels to many."""
    judge(speed, rng, reference.conv2d_work, 96, 768, "forward")


@check(**BACKWARD, points=4)
def test_linear_backward(speed, reference, rng):
    """Linear: backward is fast, with about as many outputs as inputs."""
    judge(speed, rng, reference.linear_work, 384, 384, "backward")


@check(**BACKWARD, points=3)
def test_conv_backward(speed, reference, rng):
    """Conv2d: backward is fast, from few channels to many."""
    judge(speed, rng, reference.conv2d_work, 96, 768, "backward")


@check(**FORWARD, points=2)
def test_memory_of_forward(speed, reference):
    """Conv2d: forward needs little memory beside its input and its output."""
    speed.judge_memory(
        lambda rng, positions: reference.conv2d_work(rng, positions, 16, 16, call="forward"),
        positions=65536,
        ladder="memory",
    )
