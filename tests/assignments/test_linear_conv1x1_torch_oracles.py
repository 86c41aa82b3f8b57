"""Is the reference of linear-conv1x1-torch right? torch.nn and autograd are asked."""

from pathlib import Path

import numpy as np
import pytest

from grader.checking import assert_matches
from grader.checking.plugin import import_file

pytestmark = pytest.mark.oracles

torch = pytest.importorskip("torch")

REFERENCE = Path(__file__).parents[2] / "assignments" / "linear-conv1x1-torch" / "reference"
NAMES = {0: "Linear", 1: "Conv1d", 2: "Conv2d", 3: "Conv3d"}
SPATIAL = {1: (7,), 2: (5, 6), 3: (3, 4, 5)}
SHAPES = [(4,), (5, 4), (3, 5, 4), (2, 3, 5, 4), (1, 300), (0, 4)]


@pytest.fixture(scope="module")
def solution():
    return import_file(REFERENCE / "solution.py", "linear_conv1x1_torch_solution")


@pytest.fixture(scope="module")
def oracle():
    return import_file(REFERENCE / "oracle.py", "linear_conv1x1_torch_oracle")


def draw_of(oracle, draw):
    return {"whole": oracle.whole_numbers, "normal": oracle.normal}[draw]


def run_solution(layer, case):
    """What our layer gives, as arrays."""
    layer.weight = torch.from_numpy(case.weight)
    layer.bias = None if case.bias is None else torch.from_numpy(case.bias)
    results = {"output": layer.forward(torch.from_numpy(case.x))}
    results["x"] = layer.backward(torch.from_numpy(case.dy))
    results["weight"] = layer.d_weight
    if case.bias is not None:
        results["bias"] = layer.d_bias
    return {name: tensor.numpy() for name, tensor in results.items()}


def run_theirs(module, case):
    """What a module of torch.nn gives, its gradients by autograd."""
    module.weight = torch.nn.Parameter(torch.from_numpy(case.weight))
    if case.bias is not None:
        module.bias = torch.nn.Parameter(torch.from_numpy(case.bias))
    x = torch.tensor(case.x, requires_grad=True)
    output = module(x)
    output.backward(torch.from_numpy(case.dy))
    results = {"output": output.detach(), "x": x.grad, "weight": module.weight.grad}
    if case.bias is not None:
        results["bias"] = module.bias.grad
    return {name: tensor.numpy() for name, tensor in results.items()}


def compare(case, ours, theirs):
    """Both keep the bound around the oracle."""
    expected = {"output": case.output, **case.gradients}
    assert ours.keys() == theirs.keys() == expected.keys()
    for name, value in expected.items():
        assert_matches(actual=ours[name], expected=value, name=f"our {name}")
        assert_matches(actual=theirs[name], expected=value, name=f"their {name}")


@pytest.mark.parametrize("draw", ["whole", "normal"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_linear_is_that_of_torch_nn(shape, bias, dtype, draw, solution, oracle):
    rng = np.random.default_rng(1)
    case = oracle.linear_case(rng, shape, 6, bias=bias, dtype=dtype, draw=draw_of(oracle, draw))
    ours = run_solution(solution.Linear(shape[-1], 6, bias), case)
    theirs = torch.nn.Linear(shape[-1], 6, bias=bias, dtype=getattr(torch, dtype))
    compare(case, ours, run_theirs(theirs, case))


@pytest.mark.parametrize("draw", ["whole", "normal"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("rank", SPATIAL)
def test_a_convolution_is_that_of_torch_nn(rank, stride, bias, dtype, draw, solution, oracle):
    case = oracle.conv_case(
        np.random.default_rng(2),
        3,
        SPATIAL[rank],
        4,
        6,
        stride=stride,
        bias=bias,
        dtype=dtype,
        draw=draw_of(oracle, draw),
    )
    ours = run_solution(getattr(solution, NAMES[rank])(4, 6, 1, stride, bias), case)
    module = getattr(torch.nn, NAMES[rank])
    theirs = module(4, 6, 1, stride=stride, bias=bias, dtype=getattr(torch, dtype))
    compare(case, ours, run_theirs(theirs, case))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rank", NAMES)
def test_both_have_the_same_parameters(rank, bias, solution):
    ours = getattr(solution, NAMES[rank])(5, 7, bias=bias)
    options = {} if rank == 0 else {"kernel_size": 1}
    theirs = getattr(torch.nn, NAMES[rank])(5, 7, bias=bias, **options)
    assert ours.count_params() == sum(parameter.numel() for parameter in theirs.parameters())
    assert ours.weight.shape == theirs.weight.shape
    assert (ours.bias is None) == (theirs.bias is None)
    assert ours.weight.dtype == theirs.weight.dtype
    assert float(ours.weight.abs().max()) <= float(5**-0.5)  # theirs begins within the same


@pytest.mark.parametrize("call", ["forward", "backward"])
@pytest.mark.parametrize("sizes", [(32, 32), (96, 768), (384, 384)])
@pytest.mark.parametrize("maker", ["linear_work", "conv2d_work"])
def test_a_work_is_what_the_solution_computes_to_the_last_bit(maker, sizes, call, oracle, solution):
    for seed, positions in enumerate((8, 64, 1000)):
        work = getattr(oracle, maker)(np.random.default_rng(seed), positions, *sizes, call=call)
        layer = getattr(solution, work.layer)(*work.arguments)
        for name, value in work.parameters.items():
            setattr(layer, name, torch.from_numpy(value))
        for method, array in work.before:
            getattr(layer, method)(torch.from_numpy(array))
        returned = getattr(layer, work.call)(torch.from_numpy(work.given))
        assert np.array_equal(returned.numpy(), work.expected)
        for name, expected in work.attributes.items():
            assert np.array_equal(getattr(layer, name).numpy(), expected), name


@pytest.mark.parametrize("call", ["forward", "backward"])
def test_the_sizes_of_the_checks_stay_exact_for_many_positions(call, oracle):
    rng = np.random.default_rng(7)
    for maker, sizes in ((oracle.linear_work, (408, 408)), (oracle.conv2d_work, (102, 815))):
        maker(rng, 8192, *sizes, call=call)  # refuses what could be rounded


@pytest.mark.parametrize("call", ["forward", "backward"])
def test_operands_of_bfloat16_show_in_every_result(call, oracle, solution):
    for seed in range(4):
        work = oracle.linear_work(np.random.default_rng(seed), 512, 96, 128, call=call)
        layer = solution.Linear(*work.arguments)
        lower = {n: torch.from_numpy(v).bfloat16().float() for n, v in work.parameters.items()}
        layer.weight, layer.bias = lower["weight"], torch.from_numpy(work.parameters["bias"])
        for method, array in work.before:
            getattr(layer, method)(torch.from_numpy(array).bfloat16().float())
        returned = getattr(layer, call)(torch.from_numpy(work.given).bfloat16().float())
        assert not np.array_equal(returned.numpy(), work.expected)
