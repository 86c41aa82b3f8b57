"""Is fast-conv1x1 right and fair? PyTorch is asked, and what is timed is looked at."""

from pathlib import Path

import numpy as np
import pytest

from grader.assignment import load_assignment
from grader.checking import assert_matches
from grader.checking.plugin import import_file
from grader.checking.run import list_checks

FOLDER = Path(__file__).parents[2] / "assignments" / "fast-conv1x1"
FORMATS = ("channels_last", "channels_first")
SIZES = [(512, 512), (96, 1024), (1024, 96), (24, 24), (32, 32)]
SHAPES = [((2, 3, 5), 4, 6), ((4, 4, 4), 4, 4), ((3, 2, 4), 5, 3), ((1, 1, 1), 3, 2)]


@pytest.fixture(scope="module")
def solution():
    return import_file(FOLDER / "reference" / "solution.py", "fast_conv1x1_solution")


@pytest.fixture(scope="module")
def oracle():
    return import_file(FOLDER / "reference" / "oracle.py", "fast_conv1x1_oracle")


def run(layer, case):
    """What forward and backward give, by name."""
    layer.kernel, layer.bias = case.kernel, case.bias
    results = {"output": layer.forward(case.x), "x": layer.backward(case.dy)}
    return results | {"kernel": layer.d_kernel, "bias": layer.d_bias}


def run_torch(torch, case, data_format):
    """What `torch.nn.Conv2d` gives, in the same layout."""
    channels, filters = case.kernel.shape[2:]
    conv = torch.nn.Conv2d(channels, filters, 1, dtype=torch.tensor(case.bias).dtype)
    weight = np.ascontiguousarray(case.kernel[0, 0].T)[:, :, None, None]
    conv.weight = torch.nn.Parameter(torch.tensor(weight))
    conv.bias = torch.nn.Parameter(torch.tensor(case.bias))
    x = torch.tensor(case.x, requires_grad=True)
    last = data_format == "channels_last"
    y = conv(x.movedim(-1, 1) if last else x)
    y = y.movedim(1, -1) if last else y
    y.backward(torch.tensor(case.dy))
    return {
        "output": y.detach().numpy(),
        "x": x.grad.numpy(),
        "kernel": conv.weight.grad.numpy()[:, :, 0, 0].T[None, None],
        "bias": conv.bias.grad.numpy(),
    }


@pytest.mark.oracles
@pytest.mark.parametrize("draw", ["whole_numbers", "normal"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize(("image", "channels", "filters"), SHAPES)
def test_reference_oracle_and_torch_agree(
    image, channels, filters, data_format, dtype, draw, torch, solution, oracle
):
    case = oracle.draw_case(
        np.random.default_rng(1),
        image,
        channels,
        filters,
        data_format=data_format,
        dtype=dtype,
        draw=getattr(oracle, draw),
    )
    ours = run(solution.Conv1x1(channels, filters, data_format), case)
    theirs = run_torch(torch, case, data_format)
    for name, expected in {"output": case.output, **case.gradients}.items():
        assert_matches(actual=ours[name], expected=expected, name=f"our {name}")
        assert_matches(actual=np.ascontiguousarray(theirs[name]), expected=expected, name=name)


@pytest.mark.parametrize("call", ["forward", "backward"])
@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("sizes", SIZES)
def test_a_work_is_what_the_reference_computes_to_the_last_bit(
    sizes, data_format, call, solution, oracle
):
    for seed, positions in enumerate((8, 512, 1024)):
        rng = np.random.default_rng(seed)
        work = oracle.draw_work(rng, positions, *sizes, call=call, data_format=data_format)
        layer = solution.Conv1x1(*work.arguments, **work.options)
        for name, value in work.parameters.items():
            setattr(layer, name, value)
        for method, array in work.before:
            getattr(layer, method)(array)
        assert np.array_equal(getattr(layer, work.call)(work.given), work.expected)
        for name, expected in work.attributes.items():
            assert np.array_equal(getattr(layer, name), expected), name


def test_the_works_of_the_checks_stay_exact_for_as_many_positions_as_there_is_room_for(oracle):
    rng = np.random.default_rng(2)
    for call in ("forward", "backward"):
        oracle.draw_work(rng, 1 << 16, 25, 25, call=call, data_format="channels_last")
        oracle.draw_work(rng, 1 << 13, 542, 542, call=call, data_format="channels_first")


def test_the_board_ranks_by_every_duel_and_nothing_else():
    assignment = load_assignment(FOLDER)
    duels = {name for name, info in list_checks(assignment).items() if info.group == "speed"}
    assert set(assignment.leaderboard.checks) == duels
    assert assignment.leaderboard.metric == "speed_ratio"
    assert assignment.leaderboard.lowest_first
