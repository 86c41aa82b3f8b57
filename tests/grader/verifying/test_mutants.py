"""Mutants of layers on tensors: small mistakes that run, not calls that no tensor has."""

import pytest

from grader.verifying.mutants import mutants

TORCH = """
import torch


def forward(x, w, b):
    rows = x.movedim(1, -1).reshape(-1, 3)
    y = rows @ w.t()
    y += b.sum(dim=0, keepdim=True)
    return y.permute(1, 0)
"""


def by_name(source):
    found = {}
    for mutant in mutants(source):
        found.setdefault(mutant.name.partition("@")[0], []).append(mutant)
    return found


def test_tensors_get_the_mistakes_of_tensors():
    found = by_name(TORCH)
    assert "rows.half() @ w.t().half()).to(rows.dtype)" in found["low-precision"][0].source
    assert any("rows = x.reshape" in mutant.source for mutant in found["drop-move"])
    assert any("return y\n" in mutant.source for mutant in found["drop-move"])
    assert any("x.movedim(-1, 1)" in mutant.source for mutant in found["swap-axes"])
    assert "rows @ w\n" in found["drop-transpose"][0].source
    assert "keepdim=False" in found["other-keepdims"][0].source
    assert "other-order" not in found


def test_arrays_keep_theirs():
    found = by_name("import numpy as np\ny = np.moveaxis(x, 1, -1).reshape(3, 2) @ w\n")
    assert "np.moveaxis(x, -1, 1)" in found["swap-axes"][0].source
    assert "astype('float16')" in found["low-precision"][0].source
    assert "order='F'" in found["other-order"][0].source


def test_every_mutant_of_tensors_runs_or_differs_in_what_it_computes():
    torch = pytest.importorskip("torch")
    x, w, b = torch.arange(24.0).reshape(2, 3, 4), torch.arange(6.0).reshape(2, 3), torch.ones(5, 2)
    raised = 0
    for mutant in mutants(TORCH):
        names = {}
        exec(compile(mutant.source, "mutant", "exec"), names)
        try:
            names["forward"](x, w, b)
        except AttributeError:
            pytest.fail(f"{mutant.name} calls what no tensor has: {mutant.description}")
        except (RuntimeError, TypeError):
            raised += 1  # shapes that do not fit; a keepdim without its dim
    assert raised < len(list(mutants(TORCH))) / 2
