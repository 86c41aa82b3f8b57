import textwrap
from pathlib import Path

import pytest

from grader.checking.speed.slow_paths import explain, find_slow_paths

ASSIGNMENT = Path(__file__).parents[4] / "assignments" / "dense-conv1x1"


def forward(body):
    """A module whose Dense.forward has this body, from line 8 on."""
    head = """\
        import itertools
        from itertools import product

        import numpy as np
        import torch
        class Dense:
            def forward(self, x):
        """
    return textwrap.dedent(head) + textwrap.indent(textwrap.dedent(body), " " * 8)


def found(source):
    return [(path.id, path.line) for path in find_slow_paths(source)]


def accepted(name):
    return (ASSIGNMENT / "submissions" / "accepted" / name / "layers.py").read_text()


SLOW = {
    "np.dot": ("np-dot-beyond-two-axes", "return np.dot(x, self.kernel) + self.bias"),
    "a dot method": ("np-dot-beyond-two-axes", "return x.dot(self.kernel)"),
    "a dot of one loop": (
        "np-dot-beyond-two-axes",
        "return np.stack([np.dot(image, self.kernel) for image in x])",
    ),
    "plain einsum": ("einsum-without-path", 'return np.einsum("...i,io->...o", x, self.kernel)'),
    "einsum told not to": (
        "einsum-without-path",
        'return np.einsum("ni,io->no", x, self.kernel, optimize=False)',
    ),
    "einsum of lists": (
        "einsum-without-path",
        "return np.einsum(x, [0, 1], self.kernel, [1, 2], [0, 2])",
    ),
    "astype(float)": ("float64-inside", "return x.astype(float) @ self.kernel"),
    "astype text": ("float64-inside", 'return (x.astype("f8") @ self.kernel).astype(x.dtype)'),
    "np.float64": ("float64-inside", "return np.asarray(x, np.float64) @ self.kernel"),
    "dtype=float": ("float64-inside", "return np.array(x, dtype=float) @ self.kernel"),
    "torch.float64": ("float64-inside", "return x.to(torch.float64) @ self.kernel"),
    "a tensor's double": ("float64-inside", "return (x.double() @ self.kernel).to(x.dtype)"),
    "unsqueeze": ("broadcast-then-sum", "return (x.unsqueeze(-1) * self.kernel).sum(-2)"),
    "torch.mul": ("broadcast-then-sum", "return torch.sum(torch.mul(x[..., None], self.k), -2)"),
    "zeros of no type": ("float64-inside", "return np.zeros(x.shape) + x @ self.kernel"),
    "range": (
        "loop-over-positions",
        "for n in range(len(x)):\n    y[n] = x[n] @ self.kernel",
    ),
    "product": (
        "loop-over-positions",
        "for n, h in itertools.product(range(8), range(9)):\n    y[n, h] = x[n, h] @ self.kernel",
    ),
    "imported product": (
        "loop-over-positions",
        "for place in product(*map(range, x.shape)):\n    y[place] = 2 * x[place]",
    ),
    "ndindex": (
        "loop-over-positions",
        "for place in np.ndindex(x.shape[:-1]):\n    y[place] = x[place] @ self.kernel",
    ),
    "comprehension": (
        "loop-over-positions",
        "return np.array([[x[n, h] @ self.kernel for h in range(H)] for n in range(len(x))])",
    ),
    "enumerate": (
        "loop-over-positions",
        "for n, row in enumerate(x):\n    y[n] = row @ self.kernel",
    ),
    "while": (
        "loop-over-positions",
        "n = 0\nwhile n < len(x):\n    y[n] = x[n] @ self.kernel\n    n += 1",
    ),
    "by way of another name": (
        "loop-over-positions",
        "for n in range(len(x)):\n    place = (n, slice(None))\n    y[place] = 2 * x[place]",
    ),
    "broadcast": (
        "broadcast-then-sum",
        "return (x[..., None] * self.kernel).sum(axis=-2)",
    ),
    "broadcast in steps": (
        "broadcast-then-sum",
        "wide = x[..., np.newaxis]\nterms = wide * self.kernel\nreturn np.sum(terms, axis=-2)",
    ),
    "expand_dims": (
        "broadcast-then-sum",
        "return np.sum(np.multiply(np.expand_dims(x, -1), self.kernel), axis=-2)",
    ),
}

FAST = {
    "rows": "return (x.reshape(-1, 3) @ self.kernel).reshape(*x.shape[:-1], 4)",
    "dot of rows": "rows = x.reshape(-1, 3)\nreturn np.dot(rows, self.kernel)",
    "dot of transposed rows": "return x.reshape((6, 3)).T.dot(self.kernel)",
    "einsum with a path": 'return np.einsum("ni,io->no", x, self.kernel, optimize=True)',
    "einsum with passed options": 'return np.einsum("ni,io->no", x, self.kernel, **self.options)',
    "einsum of one operand": 'return np.einsum("nio->o", x)',
    "einsum of one listed operand": "return np.einsum(x, [0, 1], [1])",
    "zeros of a type": "return np.zeros(x.shape, x.dtype) + np.ones(3, dtype=x.dtype)",
    "a question about types": "return x if x.dtype == np.float64 else 2 * x",
    "a loop over axes": "for axis in range(x.ndim):\n    size *= x.shape[axis]",
    "a loop over parameters": "for k in range(2):\n    self.parts[k] = x @ self.kernel",
    "a loop that only repeats": "for _ in range(len(x)):\n    x = x @ self.kernel",
    "a sum without a new axis": "return (x * self.kernel).sum(axis=0)",
    "the method of another library": "return self.linear.einsum(x)",
}


@pytest.mark.parametrize("case", SLOW)
def test_a_slow_path_is_named_with_its_line(case):
    name, body = SLOW[case]
    lines = {line for id_, line in found(forward(body)) if id_ == name}
    assert lines
    assert min(lines) >= 8
    if "\n" not in body:
        assert lines == {8}


@pytest.mark.parametrize("case", FAST)
def test_what_is_not_slow_is_not_named(case):
    assert found(forward(FAST[case])) == []


@pytest.mark.parametrize(
    ("solution", "expected"),
    [
        ("matmul", None),
        ("einsum", "einsum-without-path"),
        ("loops", "loop-over-positions"),
        ("torch_layout", "float64-inside"),
    ],
)
@pytest.mark.parametrize("method", ["forward", "backward"])
@pytest.mark.parametrize("layer", ["Dense", "Conv1x1", None])
def test_each_way_to_be_slow_is_explained_in_every_method_and_layer(
    solution, expected, method, layer
):
    source = accepted(solution).replace(", optimize=True", "")
    reason = explain(source, method, 50.0, layer=layer)
    assert (reason and reason[0]) == expected


def test_the_reference_has_no_slow_path():
    assert found((ASSIGNMENT / "reference" / "solution.py").read_text()) == []


def test_float64_in_a_constructor_is_nobodys_concern():
    source = "class Dense:\n    def __init__(self):\n        self.k = np.zeros(3, np.float64)\n"
    assert found(source) == []


def test_the_explanation_says_the_line_and_the_direction():
    name, text = explain(forward("\n\nreturn np.dot(x, self.kernel)"), "forward", 60.0)
    assert name == "np-dot-beyond-two-axes"
    assert text.startswith("Line 10: ")
    assert "rows" in text


def test_a_ratio_too_small_for_a_reason_is_not_explained_by_it():
    source = forward("return np.dot(x.astype(float), self.kernel)")
    assert explain(source, "forward", 1.2) is None
    assert explain(source, "forward", 2.0)[0] == "float64-inside"
    assert explain(source, "forward", 40.0)[0] == "np-dot-beyond-two-axes"


def test_nested_loops_come_before_all_else_and_a_single_one_after_dot():
    body = (
        "for n in range(N):\n    for h in range(H):\n        y[n, h] = np.dot(x[n, h], self.kernel)"
    )
    assert explain(forward(body), "forward", 500.0)[0] == "loop-over-positions"
    body = "for n in range(len(x)):\n    y[n] = np.dot(x[n], self.kernel)"
    assert explain(forward(body), "forward", 50.0)[0] == "np-dot-beyond-two-axes"


TWO_METHODS = """\
import numpy as np

def helper(x, w):
    return np.dot(x, w)

class Dense:
    def forward(self, x):
        return x @ self.kernel

    def backward(self, dy):
        return helper(dy, self.kernel.T)

class Conv1x1:
    def __init__(self):
        self.dense = Dense()

    def forward(self, x):
        return self.dense.backward(x)

class Wide(Dense):
    pass
"""


def test_what_only_the_other_method_does_explains_nothing():
    source = TWO_METHODS.replace("self.dense.backward(x)", "self.dense.forward(x)")
    assert explain(source, "forward", 50.0) is None
    assert explain(source, "backward", 50.0) == explain(TWO_METHODS, "backward", 50.0)


def test_a_reason_is_found_through_the_functions_that_a_method_uses():
    assert explain(TWO_METHODS, "backward", 50.0, layer="Dense")[1].startswith("Line 4: ")
    assert explain(TWO_METHODS, "forward", 50.0, layer="Conv1x1")[1].startswith("Line 4: ")


def test_only_the_layer_that_was_slow_is_looked_at():
    assert explain(TWO_METHODS, "forward", 50.0, layer="Dense") is None


def test_an_inherited_method_is_found():
    assert explain(TWO_METHODS, "backward", 50.0, layer="Wide") is not None


def test_a_numpy_of_another_name_is_recognised():
    source = forward("return xp.dot(x, self.kernel)").replace("numpy as np", "numpy as xp")
    assert found(source) == [("np-dot-beyond-two-axes", 8)]
    source = forward("return dot(x, self.kernel)").replace(
        "import numpy as np", "from numpy import *"
    )
    assert found(source) == []  # no name to go by; better silent than wrong
    source = source.replace("import *", "import dot")
    assert found(source) == [("np-dot-beyond-two-axes", 8)]


HOSTILE = {
    "empty": "",
    "not Python": "def forward(self, x:",
    "a null byte": "x = 1\0",
    "a lone surrogate": "x = '\ud800'",
    "a huge number": "x = " + "9" * 100_000,
    "open parentheses": "(" * 100_000,
    "signs": "-" * 100_000 + "1",
    "a long sum": "1+" * 90_000 + "1",
    "dots": "x" + ".y" * 90_000,
    "calls": "def forward():\n f" + "()" * 90_000,
    "targets": "x=" * 90_000 + "1",
    "lambdas": "lambda:" * 20_000 + "1",
    "branches": "def forward():\n if x: pass\n" + " elif x: pass\n" * 9_000,
    "escapes that warn": 'x = "\\d" is 1',
    "too long": "def forward(x): np.dot(x, x)\n" * 10_000,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_text_has_no_slow_path_and_harms_nothing(case):
    assert find_slow_paths(HOSTILE[case]) == ()
    assert explain(HOSTILE[case], "forward", 1e6) is None


QUADRATIC = {
    "many names of one value": "def forward():\n "
    + "".join(f"a{i}=" for i in range(9000))
    + f"({'1,' * 40_000})\n x[{','.join(f'a{i}' for i in range(9000))}]",
    "many values of one name": "def forward():\n"
    + " a=b.reshape(1,1)\n" * 5000
    + " a.dot(b)\n" * 9000,
    "many functions of one name": "def forward():forward\n" * 9000,
    "one wide subscript": f"def forward():\n p=a*b\n a=x[{'1,' * 40_000}]\n" + " p.sum()\n" * 9000,
}


@pytest.mark.parametrize("case", QUADRATIC)
def test_no_text_keeps_the_grader_busy(case):
    find_slow_paths(QUADRATIC[case])  # in seconds; with the square of the length, hours


def test_nothing_of_the_source_runs(tmp_path):
    trace = tmp_path / "ran"
    source = f"open({str(trace)!r}, 'w')\n" + forward("return np.dot(x, self.kernel)")
    assert len(find_slow_paths(source)) == 1
    assert not trace.exists()
