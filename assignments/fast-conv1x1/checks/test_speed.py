from grader.checking import check

FORWARD = {"group": "speed", "points": 5, "needs": ("forward",)}
BACKWARD = {"group": "speed", "points": 5, "needs": ("forward", "gradients")}
FORWARD_MEMORY = {"group": "memory", "points": 2.5, "needs": ("forward",)}
BACKWARD_MEMORY = {"group": "memory", "points": 2.5, "needs": ("forward", "gradients")}

SQUARE, WIDENING, NARROWING, THIN = (512, 512), (96, 1024), (1024, 96), (24, 24)
"""Channels before and after: about so many."""


def near(rng, size):
    """A size within six percent, so that nobody can know it beforehand."""
    return int(rng.integers(size * 94 // 100, size * 106 // 100 + 1))


def judge(speed, reference, rng, sizes, call, data_format):
    """Judge a call for about these numbers of channels."""
    channels, filters = (near(rng, size) for size in sizes)
    what = {"call": call, "data_format": data_format}
    speed.judge(
        lambda rng, positions: reference.draw_work(rng, positions, channels, filters, **what),
        small=lambda rng: reference.draw_work(rng, 512, 32, 32, **what),
        ladder="few_channels" if (call, sizes) == ("forward", THIN) else call,
    )


def judge_memory(speed, reference, call, data_format):
    """Judge the peak for many positions of few channels, as many before as after."""
    speed.judge_memory(
        lambda rng, positions: reference.draw_work(
            rng, positions, 16, 16, call=call, data_format=data_format
        ),
        positions=65536,
        ladder="memory",
    )


@check(**FORWARD)
def test_square_forward(speed, reference, rng):
    """Forward, channels last: about as many filters as channels."""
    judge(speed, reference, rng, SQUARE, "forward", "channels_last")


@check(**FORWARD)
def test_widening_forward(speed, reference, rng):
    """Forward, channels first: from few channels to many filters."""
    judge(speed, reference, rng, WIDENING, "forward", "channels_first")


@check(**FORWARD)
def test_narrowing_forward(speed, reference, rng):
    """Forward, channels last: from many channels to few filters."""
    judge(speed, reference, rng, NARROWING, "forward", "channels_last")


@check(**FORWARD)
def test_thin_forward_channels_last(speed, reference, rng):
    """Forward, channels last: very many positions of few channels."""
    judge(speed, reference, rng, THIN, "forward", "channels_last")


@check(**FORWARD)
def test_thin_forward_channels_first(speed, reference, rng):
    """Forward, channels first: very many positions of few channels."""
    judge(speed, reference, rng, THIN, "forward", "channels_first")


@check(**BACKWARD)
def test_square_backward(speed, reference, rng):
    """Backward, channels first: about as many filters as channels."""
    judge(speed, reference, rng, SQUARE, "backward", "channels_first")


@check(**BACKWARD)
def test_widening_backward(speed, reference, rng):
    """Backward, channels last: from few channels to many filters."""
    judge(speed, reference, rng, WIDENING, "backward", "channels_last")


@check(**BACKWARD)
def test_narrowing_backward(speed, reference, rng):
    """Backward, channels first: from many channels to few filters."""
    judge(speed, reference, rng, NARROWING, "backward", "channels_first")


@check(**BACKWARD)
def test_thin_backward_channels_last(speed, reference, rng):
    """Backward, channels last: very many positions of few channels."""
    judge(speed, reference, rng, THIN, "backward", "channels_last")


@check(**BACKWARD)
def test_thin_backward_channels_first(speed, reference, rng):
    """Backward, channels first: very many positions of few channels."""
    judge(speed, reference, rng, THIN, "backward", "channels_first")


@check(**FORWARD_MEMORY)
def test_memory_of_forward_channels_last(speed, reference):
    """Forward, channels last, needs little memory beside its input and its output."""
    judge_memory(speed, reference, "forward", "channels_last")


@check(**FORWARD_MEMORY)
def test_memory_of_forward_channels_first(speed, reference):
    """Forward, channels first, needs little memory beside its input and its output."""
    judge_memory(speed, reference, "forward", "channels_first")


@check(**BACKWARD_MEMORY)
def test_memory_of_backward_channels_last(speed, reference):
    """Backward, channels last, needs little memory beside what it is given and its gradients."""
    judge_memory(speed, reference, "backward", "channels_last")


@check(**BACKWARD_MEMORY)
def test_memory_of_backward_channels_first(speed, reference):
    """Backward, channels first, needs little memory beside what it is given and its gradients."""
    judge_memory(speed, reference, "backward", "channels_first")
