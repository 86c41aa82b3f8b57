"""Names that students may not use: found however they are imported, and never run."""

import contextlib
import time

import pytest

from grader.checking.mismatch import Mismatch
from grader.checking.style import StyleChecker, find_forbidden

RULES = ("torch.nn", "torch.autograd", "torch.conv2d", ".requires_grad", ".requires_grad_")

USED = {
    "import torch.nn": (1, "torch.nn"),
    "import torch.nn as layers": (1, "torch.nn"),
    "import math, torch.nn.functional as F": (1, "torch.nn.functional"),
    "from torch import nn": (1, "torch.nn"),
    "from torch import Tensor, nn as n": (1, "torch.nn"),
    "from torch.nn import functional as F": (1, "torch.nn.functional"),
    "from torch.nn.functional import *": (1, "torch.nn.functional"),
    "from torch import *": (1, "torch.nn"),
    "import torch\n\ny = torch.nn.functional.linear(x, w)": (3, "torch.nn.functional.linear"),
    "import torch as t\ny = t.nn.Linear(1, 2)": (2, "torch.nn.Linear"),
    "import torch\nt = torch\ny = t.conv2d(x, w)": (3, "torch.conv2d"),
    "import torch\ng = torch.autograd\ng.grad(y, x)": (2, "torch.autograd"),
    "import torch\nclass A(torch.nn.Module):\n    pass": (2, "torch.nn.Module"),
    "import torch\ny = getattr(torch, 'nn')": (2, "torch.nn"),
    "import importlib\nF = importlib.import_module('torch.nn')": (2, "torch.nn"),
    "from importlib import import_module as i\nF = i('torch.nn')": (2, "torch.nn"),
    "F = __import__('torch.nn')": (1, "torch.nn"),
    "def f(x):\n    return x.requires_grad_()": (2, ".requires_grad_"),
    "x.requires_grad = True": (1, ".requires_grad"),
    "x = make(3, requires_grad=True)": (1, ".requires_grad"),
    "setattr(x, 'requires_grad', True)": (1, ".requires_grad"),
    "# -*- coding: latin-1 -*-\nimport torch.nn  # \xe9": (2, "torch.nn"),
}

UNUSED = (
    "",
    "import torch\ny = torch.matmul(x, w)",
    "import torch\nfrom torch import Tensor\ny = torch.sum(x)",
    "nn = 3\ny = nn + 1",
    "class A:\n    def nn(self): ...\nA().nn()",
    "import torchvision_nn, nntorch",
    "from . import nn",
    "from .torch import nn",
    '"""import torch.nn"""  # torch.nn',
    "layer.backward(dy)\nlayer.autograd",
    "import torch\ny = torch.nnn",
    "getattr(torch, name)",
)


def found(source):
    return find_forbidden(source.encode("latin-1"), RULES)


@pytest.mark.parametrize("source", USED)
def test_a_forbidden_name_is_found_with_its_line(source):
    line, name = USED[source]
    assert (line, name) in {(use.line, use.name) for use in found(source)}


@pytest.mark.parametrize("source", UNUSED)
def test_nothing_else_is(source):
    assert found(source) == ()


def test_a_line_is_named_once_for_each_rule():
    source = "import torch\nfrom torch import nn\ny = torch.nn.functional.relu(nn.Linear(1, 1)(x))"
    assert [(use.line, use.rule) for use in found(source)] == [(2, "torch.nn"), (3, "torch.nn")]


def test_a_student_reads_where_it_is_and_by_which_rule():
    files = {
        "layers.py": b"import torch\nimport helper\n",
        "helper.py": b"import torch\n\ny = torch.nn.functional.linear\n",
        "notes.txt": b"torch.nn",
    }
    with pytest.raises(Mismatch) as failure:
        StyleChecker(files, RULES).judge()
    assert "helper.py, line 3: torch.nn.functional.linear (of torch.nn)" in failure.value.message
    assert failure.value.hint[0] == "forbidden-torch-nn"
    assert "?" in failure.value.hint[1]
    StyleChecker({"layers.py": files["layers.py"], "notes.txt": b"torch.nn"}, RULES).judge()


def test_a_long_list_is_cut():
    source = b"import torch\n" + b"torch.nn\n" * 50
    with pytest.raises(Mismatch, match="and 45 more"):
        StyleChecker({"layers.py": source}, RULES).judge()


def test_what_is_found_is_the_source_alone_and_so_hidden_names_are_not():
    assert found("import torch\ny = getattr(torch, 'n' + 'n')") == ()


@pytest.mark.parametrize(
    "source",
    [
        b"def broken(:",
        b"\0",
        b"\xff\xfe",
        b"x = " + b"(" * 5000,
        b"x = " + b"-" * 100_000 + b"1",
        b"# " + b"x" * 300_000,
    ],
    ids=["syntax", "null", "no text", "parentheses", "minus", "long"],
)
def test_what_cannot_be_looked_at_does_not_pass(source):
    with pytest.raises(Mismatch, match=r"layers\.py cannot be looked at") as failure:
        find_forbidden(source, RULES)
    assert len(failure.value.message) < 400
    assert failure.value.message.isprintable()


@pytest.mark.parametrize(
    "source",
    [
        "import a" + ".a" * 99_000,
        "import a" + " . \\\n a" * 20_000,
        "import " + ".".join(["a" * 101] * 1900),
        ("a" + ".a" * 198 + "\n") * 480,
        "a" * 199_000,
        "x" + ".nn" * 60_000,
        "\n".join(f"a{n} = a{n + 1}" for n in range(15_000)),
        "import torch\n" + "\n".join(f"t{n} = torch" for n in range(10_000)),
        "from torch import " + ", ".join(f"a{n}" for n in range(20_000)),
    ],
    ids=[
        "long import",
        "spaced import",
        "wide import",
        "almost long names",
        "one word",
        "long chain",
        "names",
        "aliases",
        "many imports",
    ],
)
def test_hostile_sources_take_no_long_time(source):
    rules = tuple(f"torch.a.b.c{n}" for n in range(100))
    started = time.process_time()
    with contextlib.suppress(Mismatch):  # nested too deeply to be parsed
        find_forbidden(source.encode(), rules)
    assert time.process_time() - started < 5
