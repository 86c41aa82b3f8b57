"""Small changes to a layer's source, such as students make by mistake.

Each operator changes one place of the syntax tree. The operators are those of numeric code on
arrays: a lost addend, a wrong axis, a mean for a sum, a transpose too many, a stale cache. In a
module that imports PyTorch they write what tensors have: one that raises at once teaches nothing.
"""

import ast
import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Mutant:
    """One changed source.

    Attributes:
        name: `operator@line:column`; the same as long as the source is.
        line: Of the change, in the original.
        source: The whole module.
        description: What was changed, for people: `x.sum(axis=0)` became `x.mean(axis=0)`.
    """

    name: str
    line: int
    source: str
    description: str


_Change: TypeAlias = "tuple[str, ast.AST | None]"
"""Name of an operator, and what takes the node's place; None removes a statement."""

_Operator: TypeAlias = Callable[[ast.AST], Iterator[_Change]]

_REDUCTIONS = {"sum": "mean", "mean": "sum", "max": "min", "min": "max"}
_FILLS = {"zeros": "ones", "ones": "zeros", "zeros_like": "ones_like", "ones_like": "zeros_like"}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
}
_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_ORDERED = frozenset({"moveaxis", "swapaxes", "transpose", "permute", "movedim"})
_COPIES = frozenset({"copy", "ascontiguousarray", "array", "clone", "contiguous"})


def mutants(source: str) -> Iterator[Mutant]:
    """All mutants of a module, in the order of its lines; each differs from it and compiles.

    Raises:
        SyntaxError: The source is no Python.
    """
    tree = ast.parse(source)
    operators = _OF_TORCH if _imports_torch(tree) else _OF_NUMPY
    seen = {ast.dump(tree)}
    count = len([*ast.walk(tree)])
    found = []
    for position in range(count):
        node = _nth(tree, position)
        for operator, change in _changes(node, operators):
            mutated = copy.deepcopy(tree)
            if not _replace(mutated, _nth(mutated, position), copy.deepcopy(change)):
                continue
            ast.fix_missing_locations(mutated)
            key = ast.dump(mutated)
            if key in seen:
                continue
            seen.add(key)
            text = ast.unparse(mutated) + "\n"
            compile(text, "<mutant>", "exec")
            assert isinstance(node, ast.stmt | ast.expr)  # noqa: S101 - only these are changed
            name = f"{operator}@{node.lineno}:{node.col_offset}"
            found.append(Mutant(name, node.lineno, text, _describe(node, change)))
    yield from sorted(found, key=lambda mutant: mutant.line)


def _nth(tree: ast.AST, position: int) -> ast.AST:
    return next(node for number, node in enumerate(ast.walk(tree)) if number == position)


def _replace(tree: ast.AST, old: ast.AST, new: ast.AST | None) -> bool:
    """Put `new` where `old` is; whether that could be done."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is old:
                if new is None:
                    return False
                setattr(parent, field, new)
                return True
            if isinstance(value, list) and any(item is old for item in value):
                at = next(n for n, item in enumerate(value) if item is old)
                value[at : at + 1] = [ast.Pass() if new is None else new]
                return True
    return False


def _changes(node: ast.AST, operators: Sequence[_Operator]) -> Iterator[_Change]:
    for operator in operators:
        yield from operator(node)


def _imports_torch(tree: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Import) and any(name.name == "torch" for name in node.names)
        for node in ast.walk(tree)
    )


def _arithmetic(node: ast.AST) -> Iterator[_Change]:
    if not isinstance(node, ast.BinOp) or _is_text(node):
        return
    other = _OPERATORS.get(type(node.op))
    if other is not None:
        yield "other-operator", ast.BinOp(node.left, other(), node.right)
    if isinstance(node.op, ast.Add):
        yield "drop-right-addend", node.left
        yield "drop-left-addend", node.right
    if isinstance(node.op, ast.Mult | ast.Div):
        yield "drop-factor", node.left
    if isinstance(node.op, ast.MatMult):
        yield "swap-product", ast.BinOp(node.right, node.op, node.left)


def _is_text(node: ast.BinOp) -> bool:
    return any(
        isinstance(side, ast.JoinedStr | ast.Tuple | ast.List)
        or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        for side in (node.left, node.right)
    )


def _accumulation(node: ast.AST) -> Iterator[_Change]:
    """`+=` that overwrites, goes the other way or does nothing."""
    if isinstance(node, ast.AugAssign):
        yield "overwrite", ast.Assign(targets=[_stored(node.target)], value=node.value)
        yield "drop-accumulation", None
        other = _OPERATORS.get(type(node.op))
        if other is not None:
            yield "other-accumulation", ast.AugAssign(node.target, other(), node.value)


def _stored(target: ast.expr) -> ast.expr:
    stored = copy.deepcopy(target)
    stored.ctx = ast.Store()  # type: ignore[attr-defined]
    return stored


def _attributes(node: ast.AST) -> Iterator[_Change]:
    """A transpose that is not taken, and state that is not kept."""
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT") and _is_read(node):
        yield "drop-transpose", node.value
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
        yield "drop-assignment", None
    if isinstance(node, ast.Raise):
        yield "drop-raise", None


def _is_read(node: ast.Attribute) -> bool:
    return isinstance(node.ctx, ast.Load)


def _calls(node: ast.AST) -> Iterator[_Change]:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return
    name = node.func.attr
    for table, operator in ((_REDUCTIONS, "other-reduction"), (_FILLS, "other-fill")):
        if name in table:
            yield operator, _renamed(node, table[name])
    if name in _COPIES and node.args:
        yield "drop-copy", node.args[0]
    if name in ("copy", "clone", "contiguous") and not node.args:
        yield "drop-copy", node.func.value
    if name in ("astype", "to") and node.args:
        yield "drop-cast", node.func.value
    if name in ("T", "transpose", "mT") and not node.args:
        yield "drop-transpose", node.func.value


def _functions_of_arrays(node: ast.AST) -> Iterator[_Change]:
    """Axes that are moved by a function, and elements in another order than that of C."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return
    if node.func.attr in _ORDERED and len(node.args) >= 3:
        swapped = [*node.args[:-2], node.args[-1], node.args[-2]]
        yield "swap-axes", ast.Call(node.func, swapped, node.keywords)
        yield "drop-move", node.args[0]
    if node.func.attr == "reshape":
        order = ast.keyword("order", ast.Constant("F"))
        yield "other-order", ast.Call(node.func, node.args, [*node.keywords, order])


def _renamed(node: ast.Call, name: str) -> ast.Call:
    assert isinstance(node.func, ast.Attribute)  # noqa: S101 - the caller has seen to it
    function = ast.Attribute(node.func.value, name, node.func.ctx)
    return ast.Call(function, node.args, node.keywords)


def _keywords(node: ast.AST) -> Iterator[_Change]:
    """Another axis, another dtype, `keepdims` the other way."""
    if not isinstance(node, ast.Call):
        return
    for at, keyword in enumerate(node.keywords):
        for operator, value in _other_values(keyword):
            changed = [*node.keywords]
            changed[at] = ast.keyword(keyword.arg, value)
            yield operator, ast.Call(node.func, node.args, changed)
        if keyword.arg in ("axis", "dim", "dtype", "keepdims", "keepdim"):
            rest = [other for other in node.keywords if other is not keyword]
            yield f"drop-{keyword.arg}", ast.Call(node.func, node.args, rest)


def _other_values(keyword: ast.keyword) -> Iterator[tuple[str, ast.expr]]:
    value = keyword.value
    if keyword.arg in ("axis", "dim"):
        if isinstance(value, ast.Tuple) and len(value.elts) > 1:
            yield "fewer-axes", ast.Tuple(value.elts[:-1], value.ctx)
        elif isinstance(value, ast.Constant) and isinstance(value.value, int):
            yield "other-axis", ast.Constant(1 if value.value == 0 else 0)
        elif isinstance(value, ast.UnaryOp):
            yield "other-axis", ast.Constant(0)
    if keyword.arg in ("keepdims", "keepdim") and isinstance(value, ast.Constant):
        yield "other-keepdims", ast.Constant(not value.value)


def _slices(node: ast.AST) -> Iterator[_Change]:
    """Off by one at either end, and no step."""
    if not isinstance(node, ast.Slice):
        return
    for operator, bound in (("slice-start", node.lower), ("slice-stop", node.upper)):
        if isinstance(bound, ast.Constant) and isinstance(bound.value, int):
            moved = ast.Constant(bound.value + 1)
            lower, upper = (moved, node.upper) if operator == "slice-start" else (node.lower, moved)
            yield operator, ast.Slice(lower, upper, node.step)
    if node.step is not None:
        yield "drop-step", ast.Slice(node.lower, node.upper, None)


def _conditions(node: ast.AST) -> Iterator[_Change]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        other = _COMPARISONS.get(type(node.ops[0]))
        if other is not None:
            yield "other-comparison", ast.Compare(node.left, [other()], node.comparators)
    if isinstance(node, ast.IfExp):
        yield "first-branch", node.body
        yield "second-branch", node.orelse
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "drop-not", node.operand


def _constants(node: ast.AST) -> Iterator[_Change]:
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        index = node.slice.value
        if type(index) is int:
            moved = ast.Constant(index + 1)
            yield "other-index", ast.Subscript(node.value, moved, node.ctx)
    if isinstance(node, ast.Return) and node.value is not None:
        yield "return-nothing", ast.Return(None)


def _precision(node: ast.AST) -> Iterator[_Change]:
    """A product in half the precision, and returned in the old one."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        low = _cast(ast.BinOp(_cast(node.left, "float16"), node.op, _cast(node.right, "float16")))
        yield "low-precision", low


def _cast(value: ast.expr, dtype: str = "float32") -> ast.Call:
    return ast.Call(ast.Attribute(value, "astype", ast.Load()), [ast.Constant(dtype)], [])


def _methods_of_tensors(node: ast.AST) -> Iterator[_Change]:
    """Axes that are moved by a method: not at all, or the other way."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return
    owner, name = node.func.value, node.func.attr
    if name in _ORDERED and len(node.args) >= 2:
        of_library = isinstance(owner, ast.Name) and owner.id == "torch"
        yield "drop-move", node.args[0] if of_library else owner
        swapped = [*node.args[:-2], node.args[-1], node.args[-2]]
        yield "swap-axes", ast.Call(node.func, swapped, node.keywords)
    if name == "t" and not node.args:
        yield "drop-transpose", owner


def _precision_of_tensors(node: ast.AST) -> Iterator[_Change]:
    """A product in half the precision, and returned in the one of the left factor."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        product = ast.BinOp(_method(node.left, "half"), node.op, _method(node.right, "half"))
        dtype = ast.Attribute(node.left, "dtype", ast.Load())
        yield "low-precision", ast.Call(ast.Attribute(product, "to", ast.Load()), [dtype], [])


def _method(value: ast.expr, name: str) -> ast.Call:
    return ast.Call(ast.Attribute(value, name, ast.Load()), [], [])


_SHARED: tuple[_Operator, ...] = (
    _arithmetic,
    _accumulation,
    _attributes,
    _keywords,
    _slices,
    _conditions,
    _constants,
)
_OF_NUMPY: tuple[_Operator, ...] = (*_SHARED, _calls, _functions_of_arrays, _precision)
_OF_TORCH = (*_SHARED, _calls, _methods_of_tensors, _precision_of_tensors)


def _describe(old: ast.AST, new: ast.AST | None) -> str:
    was = _short(old)
    return f"`{was}` left out" if new is None else f"`{was}` became `{_short(new)}`"


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
