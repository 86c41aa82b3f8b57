"""Is the reference right? PyTorch, Keras and ONNX are asked, which nobody here wrote."""

import warnings

import numpy as np
import pytest

from grader.checking import Expected, assert_matches

pytestmark = pytest.mark.oracles

FORMATS = ("channels_last", "channels_first")
SPATIAL = {1: (7,), 2: (5, 6), 3: (3, 4, 5)}
GEOMETRIES = [(rank, strides) for rank in SPATIAL for strides in (1, 2, 3)]


def run_solution(layer, case):
    layer.kernel, layer.bias = case.kernel, case.bias
    results = {"output": layer.forward(case.x), "x": layer.backward(case.dy)}
    results["kernel"] = layer.d_kernel
    if case.bias is not None:
        results["bias"] = layer.d_bias
    return results


def compare(case, ours, theirs):
    """Both keep the bound around the oracle; in float64 they and the oracle are one."""
    expected = {"output": case.output, **case.gradients}
    assert ours.keys() == theirs.keys() == expected.keys()
    for name, value in expected.items():
        assert_matches(actual=ours[name], expected=value, name=f"our {name}")
        assert_matches(actual=np.ascontiguousarray(theirs[name]), expected=value, name=name)


def draws(oracle):
    return {"whole": oracle.whole_numbers, "normal": oracle.normal}


def tensors(torch, *arrays):
    return [torch.tensor(np.ascontiguousarray(a), requires_grad=True) for a in arrays]


def differentiate(output, dy, torch, **leaves):
    output.backward(torch.tensor(np.ascontiguousarray(dy)))
    results = {"output": output.detach().numpy()}
    return results | {name: leaf.grad.numpy() for name, leaf in leaves.items() if leaf is not None}


@pytest.mark.parametrize("draw", ["whole", "normal"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("shape", [(5, 4), (3, 5, 4), (2, 3, 5, 4), (1, 300), (0, 4)])
def test_dense_is_torch_linear(shape, use_bias, dtype, draw, torch, solution, oracle):
    case = oracle.dense_case(
        np.random.default_rng(1), shape, 6, use_bias=use_bias, dtype=dtype, draw=draws(oracle)[draw]
    )
    x, weight = tensors(torch, case.x, case.kernel.T)
    bias = torch.tensor(case.bias, requires_grad=True) if use_bias else None
    linear = torch.nn.Linear(shape[-1], 6, bias=use_bias, dtype=getattr(torch, dtype))
    linear.weight = torch.nn.Parameter(weight)
    if use_bias:
        linear.bias = torch.nn.Parameter(bias)
    theirs = differentiate(linear(x), case.dy, torch, x=x, kernel=linear.weight, bias=linear.bias)
    theirs["kernel"] = theirs["kernel"].T
    compare(case, run_solution(solution.Dense(shape[-1], 6, use_bias), case), theirs)


@pytest.mark.parametrize("draw", ["whole", "normal"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(("rank", "strides"), GEOMETRIES)
def test_conv1x1_is_torch_conv(
    rank, strides, use_bias, data_format, dtype, draw, torch, solution, oracle
):
    case = oracle.conv1x1_case(
        np.random.default_rng(2),
        2,
        SPATIAL[rank],
        4,
        3,
        strides=strides,
        data_format=data_format,
        use_bias=use_bias,
        dtype=dtype,
        draw=draws(oracle)[draw],
    )
    layer = solution.Conv1x1(4, 3, rank, strides, data_format, use_bias)
    conv_class = {1: torch.nn.Conv1d, 2: torch.nn.Conv2d, 3: torch.nn.Conv3d}[rank]
    conv = conv_class(4, 3, 1, stride=strides, bias=use_bias, dtype=getattr(torch, dtype))
    matrix = torch.tensor(case.kernel).reshape(4, 3)
    conv.weight = torch.nn.Parameter(matrix.T.reshape(3, 4, *(1,) * rank).contiguous())
    if use_bias:
        conv.bias = torch.nn.Parameter(torch.tensor(case.bias))
    last = data_format == "channels_last"
    x = torch.tensor(case.x, requires_grad=True)
    y = conv(x.movedim(-1, 1) if last else x)
    theirs = differentiate(
        y.movedim(1, -1) if last else y, case.dy, torch, x=x, kernel=conv.weight, bias=conv.bias
    )
    theirs["kernel"] = theirs["kernel"].reshape(3, 4).T.reshape(case.kernel.shape)
    compare(case, run_solution(layer, case), theirs)


def keras_results(torch, layer, case):
    x = torch.tensor(case.x, requires_grad=True)
    layer.build(x.shape)
    layer.set_weights([case.kernel] if case.bias is None else [case.kernel, case.bias])
    kernel, *bias = [variable.value for variable in layer.trainable_variables]
    return differentiate(
        layer(x), case.dy, torch, x=x, kernel=kernel, bias=bias[0] if bias else None
    )


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("shape", [(5, 4), (3, 5, 4), (2, 3, 5, 4)])
def test_dense_is_keras_dense(shape, use_bias, keras, torch, solution, oracle):
    case = oracle.dense_case(
        np.random.default_rng(3), shape, 6, use_bias=use_bias, draw=oracle.normal
    )
    theirs = keras.layers.Dense(6, use_bias=use_bias)
    ours = solution.Dense(4, 6, use_bias)
    compare(case, run_solution(ours, case), keras_results(torch, theirs, case))
    assert ours.count_params() == theirs.count_params()
    assert ours.kernel.shape == theirs.kernel.shape


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(("rank", "strides"), GEOMETRIES)
def test_conv1x1_is_keras_conv(
    rank, strides, use_bias, data_format, keras, torch, solution, oracle
):
    options = {"strides": strides, "data_format": data_format, "use_bias": use_bias}
    case = oracle.conv1x1_case(
        np.random.default_rng(4), 2, SPATIAL[rank], 4, 3, draw=oracle.normal, **options
    )
    conv_class = {1: keras.layers.Conv1D, 2: keras.layers.Conv2D, 3: keras.layers.Conv3D}[rank]
    theirs = conv_class(3, 1, **options)
    ours = solution.Conv1x1(4, 3, rank, **options)
    compare(case, run_solution(ours, case), keras_results(torch, theirs, case))
    assert ours.count_params() == theirs.count_params()
    assert ours.kernel.shape == theirs.kernel.shape


def node_cases(operator):
    node = pytest.importorskip("onnx.backend.test.case.node")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other operators' cases overflow on purpose
        cases = node.collect_testcases(None)
    return [case for case in cases if [n.op_type for n in case.model.graph.node] == [operator]]


def as_dense(case, operator):
    """x, kernel, bias and output of a node's case, or None where it is no dense layer."""
    get_attribute_value = pytest.importorskip("onnx.helper").get_attribute_value
    node = case.model.graph.node[0]
    options = {attribute.name: get_attribute_value(attribute) for attribute in node.attribute}
    ((inputs, (output,)),) = case.data_sets
    a, b, *c = inputs
    if b.ndim != 2 or a.ndim < 2:
        return None
    a = a.T if options.get("transA") else a
    b = b.T if options.get("transB") else b
    bias = None
    if c:
        if c[0].ndim == 2 and c[0].shape[0] != 1:
            return None
        bias = np.broadcast_to(c[0] * np.float32(options.get("beta", 1)), (1, b.shape[1]))[0]
    return a * a.dtype.type(options.get("alpha", 1)), b, bias, output


@pytest.mark.parametrize(("operator", "at_least"), [("Gemm", 8), ("MatMul", 1)])
def test_dense_passes_the_onnx_node_cases_that_apply(operator, at_least, solution, oracle):
    found = [as_dense(case, operator) for case in node_cases(operator)]
    applicable = [case for case in found if case is not None]
    assert len(applicable) >= at_least
    for x, kernel, bias, output in applicable:
        layer = solution.Dense(*kernel.shape, use_bias=bias is not None)
        layer.kernel, layer.bias = kernel, bias
        assert layer.forward(x).dtype == output.dtype
        np.testing.assert_allclose(layer.forward(x), output, rtol=1e-5, atol=1e-5)
        expected = oracle.affine(x, kernel, bias)
        np.testing.assert_allclose(expected.value, output, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("rank", "strides"), GEOMETRIES)
def test_conv1x1_is_onnx_conv(rank, strides, solution, oracle):
    onnx = pytest.importorskip("onnx")
    evaluator = pytest.importorskip("onnx.reference").ReferenceEvaluator
    case = oracle.conv1x1_case(
        np.random.default_rng(5),
        2,
        SPATIAL[rank],
        4,
        3,
        strides=strides,
        data_format="channels_first",
    )
    names = ["x", "w", "b"]
    node = onnx.helper.make_node(
        "Conv", names, ["y"], kernel_shape=[1] * rank, strides=[strides] * rank
    )
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node],
        "conv1x1",
        [value(name, onnx.TensorProto.FLOAT, None) for name in names],
        [value("y", onnx.TensorProto.FLOAT, None)],
    )
    weight = case.kernel.reshape(4, 3).T.reshape(3, 4, *(1,) * rank)
    feed = {"x": case.x, "w": np.ascontiguousarray(weight), "b": case.bias}
    (output,) = evaluator(onnx.helper.make_model(graph)).run(None, feed)
    assert case.output.is_exact
    assert_matches(actual=output.astype(np.float32), expected=case.output)
    layer = solution.Conv1x1(4, 3, rank, strides, "channels_first")
    assert_matches(actual=run_solution(layer, case)["output"], expected=case.output)


def wrapped(torch, layer, spoil=1.0):
    """The NumPy layer as a function of PyTorch's, for its own gradient check."""

    class Wrapped(torch.autograd.Function):
        @staticmethod
        def forward(_ctx, x, kernel, bias):
            layer.kernel, layer.bias = kernel.detach().numpy(), bias.detach().numpy()
            return torch.tensor(np.ascontiguousarray(layer.forward(x.detach().numpy())))

        @staticmethod
        def backward(_ctx, dy):
            dx = np.ascontiguousarray(layer.backward(dy.numpy()))
            gradients = (dx, layer.d_kernel, layer.d_bias * spoil)
            return tuple(torch.tensor(gradient) for gradient in gradients)

    return Wrapped.apply


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize(("rank", "strides"), [(1, 1), (2, 2), (3, 3)])
def test_torch_gradcheck_accepts_the_solution(rank, strides, data_format, torch, solution, oracle):
    case = oracle.conv1x1_case(
        np.random.default_rng(6),
        2,
        (4, 3, 2)[:rank],
        3,
        2,
        strides=strides,
        data_format=data_format,
        dtype=np.float64,
        draw=oracle.normal,
    )
    layer = solution.Conv1x1(3, 2, rank, strides, data_format)
    inputs = tensors(torch, case.x, case.kernel, case.bias)
    assert torch.autograd.gradcheck(wrapped(torch, layer), inputs)
    assert not torch.autograd.gradcheck(
        wrapped(torch, layer, spoil=0.5), inputs, raise_exception=False
    )


def test_torch_gradcheck_accepts_the_dense_solution(torch, solution, oracle):
    case = oracle.dense_case(
        np.random.default_rng(7), (2, 3, 4), 5, dtype=np.float64, draw=oracle.normal
    )
    inputs = tensors(torch, case.x, case.kernel, case.bias)
    assert torch.autograd.gradcheck(wrapped(torch, solution.Dense(4, 5)), inputs)


def test_the_bound_is_not_blind_to_what_torch_would_notice(torch, oracle):
    case = oracle.dense_case(np.random.default_rng(8), (4, 64), 3, draw=oracle.normal)
    linear = torch.tensor(case.x) @ torch.tensor(case.kernel) + torch.tensor(case.bias)
    spoilt = linear.numpy().copy()
    spoilt[2, 1] += 1e-4
    with pytest.raises(AssertionError, match="1 of 12"):
        assert_matches(actual=spoilt, expected=case.output)
    assert isinstance(case.output, Expected)
