"""What makes a layer slow, as far as its source text tells.

The text is a student's and may be hostile: it is parsed and looked at, and nothing of it runs. What
is found decides no points; it says where to look once a duel has shown that a call is slow.
"""

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from grader.checking.source import parse_source

_MAX_CHARACTERS = 200_000
_MAX_DOTS = 4
_MAX_AXES = 64
_MAX_VALUES = 20
"""With these bounds the time for any text grows with its length, not with the square of it."""

_SMALL_RANGE = 16
"""A range of so few constant steps is over axes or parameters, hardly over positions."""

_COUNTING = {
    "range",
    "enumerate",
    "itertools.product",
    "numpy.ndindex",
    "numpy.ndenumerate",
}
_FLOAT64 = {"float", "numpy.float64", "numpy.double", "numpy.float_"}
_FLOAT64 |= {"torch.float64", "torch.double"}
_FLOAT64_TEXTS = {"float64", "f8", "<f8", "=f8", "d", "double", "float"}
_FLOAT64_UNLESS_TOLD = {"numpy.zeros", "numpy.ones", "numpy.empty"}
_TYPE_TAKERS = {"astype", "dtype", "asarray", "array", "to", "type"}
_SUMS = {"numpy.sum", "torch.sum"}
_PRODUCTS = {"numpy.multiply", "torch.mul", "torch.multiply"}
_NEW_AXES = {"numpy.expand_dims", "torch.unsqueeze"}


@dataclass(frozen=True)
class SlowPath:
    """One place in a student's source that is known to be slow.

    Attributes:
        id: Of its kind.
        line: Where it is, counted from 1.
        text: What is slow and in which direction to look, for the student.
        at_least: The smallest ratio to the reference at which naming it makes sense.
        worst: The largest ratio that was measured for its kind, on one core.
    """

    id: str
    line: int
    text: str
    at_least: float
    worst: float


def find_slow_paths(source: str) -> tuple[SlowPath, ...]:
    """Every slow path in the functions and methods of a module, by line.

    Args:
        source: The module's text. What cannot be parsed, for whatever reason, has none.
    """
    try:
        module = _Module(source)
        called = module.reached_from(("forward", "backward"))
        found = {
            path
            for function in module.functions
            for path in _slow_paths_of(function, module.imported, types=function in called)
        }
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    return tuple(sorted(found, key=lambda path: (path.line, path.id)))


LARGE = frozenset({"float64-inside", "broadcast-then-sum"})
"""Kinds that cost memory as well as time."""


def explain(
    source: str,
    method: str,
    ratio: float,
    *,
    layer: str | None = None,
    among: frozenset[str] | None = None,
) -> tuple[str, str] | None:
    """The likeliest reason for a slow call: its id, and words for the student with the line.

    Looks in the method and in whatever functions of the module it mentions by name, directly or
    through others. Of several reasons the one that was measured to cost most comes first.

    Args:
        source: The module's text.
        method: That was slow, such as `forward`.
        ratio: Of the student's time to the reference's.
        layer: The class whose method it is; without one, or where the class inherits it, the
            methods of that name in every class.
        among: The kinds that may be named; None for all.
    """
    try:
        module = _Module(source)
        found = [
            path
            for function in module.reached_from((method,), owner=layer)
            for path in _slow_paths_of(function, module.imported, types=True)
            if ratio >= path.at_least and (among is None or path.id in among)
        ]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not found:
        return None
    likeliest = min(found, key=lambda path: (-path.worst, path.line))
    return likeliest.id, f"Line {likeliest.line}: {likeliest.text}"


@dataclass(frozen=True, eq=False)
class _Function:
    """A function or a method, with all that is defined within it."""

    name: str
    owner: str | None
    node: ast.AST
    mentions: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mentions", frozenset(_mentioned(self.node)))


class _Module:
    """A parsed source: its functions, and what its imports are called."""

    def __init__(self, source: str) -> None:
        tree = parse_source(source, most=_MAX_CHARACTERS)
        self.functions = tuple(_functions(tree))
        self.imported = {"np": "numpy", **dict(_imports(tree))}

    def reached_from(
        self, names: Iterable[str], *, owner: str | None = None
    ) -> frozenset[_Function]:
        roots = [function for function in self.functions if function.name in names]
        owned = [function for function in roots if function.owner == owner]
        waiting = owned if owner is not None and owned else roots
        # An object can be called without a mention of the method that this runs.
        waiting += [function for function in self.functions if function.name == "__call__"]
        by_name: dict[str, list[_Function]] = {}
        for function in self.functions:
            by_name.setdefault(function.name, []).append(function)
            if function.owner is not None and function.name == "__init__":
                by_name.setdefault(function.owner, []).append(function)
        reached: set[_Function] = set()
        while waiting:
            function = waiting.pop()
            if function not in reached:
                reached.add(function)
                for name in function.mentions & by_name.keys():
                    waiting += by_name.pop(name)
        return frozenset(reached)


def _functions(tree: ast.AST) -> Iterator[_Function]:
    waiting: list[tuple[ast.AST, str | None]] = [(tree, None)]
    while waiting:
        node, owner = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield _Function(node.name, owner, node)
            continue
        if isinstance(node, ast.ClassDef):
            owner = node.name
        waiting += [(child, owner) for child in ast.iter_child_nodes(node)]


def _mentioned(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Constant(value=str(name)):
                yield name
            case _:
                pass


def _imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((name.asname, name.name) for name in node.names if name.asname)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                yield name.asname or name.name, f"{node.module}.{name.name}"


class _Reader:
    """Answers what an expression of one function is."""

    def __init__(self, function: ast.AST, imported: dict[str, str]) -> None:
        self._imported = imported
        self.nodes = tuple(ast.walk(function))
        self.values: dict[str, list[ast.expr]] = {}
        for node in self.nodes:
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for name in _names(targets):
                    self.values.setdefault(name, []).append(node.value)

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        for node in self.nodes:
            if isinstance(node, ast.Call):
                yield node, self.dotted(node.func)

    def dotted(self, node: ast.AST) -> str:
        """The full name that `np.linalg.norm` or `norm` stands for; empty for other things."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute) and len(parts) < _MAX_DOTS:
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join((self._imported.get(node.id, node.id), *reversed(parts)))

    def anywhere(self, node: ast.expr, holds: Callable[[ast.expr], bool]) -> bool:
        """Whether an expression is so, or is a name that is only ever set to what is so."""
        if isinstance(node, ast.Name) and node.id in self.values:
            values = self.values[node.id]
            return len(values) <= _MAX_VALUES and all(map(holds, values))
        return holds(node)


def _slow_paths_of(
    function: _Function, imported: dict[str, str], *, types: bool
) -> Iterator[SlowPath]:
    reader = _Reader(function.node, imported)
    depths = dict(_loops(function.node, reader))
    nested = any(depth >= 2 for depth in depths.values())
    yield from map(_loop, depths.items())
    if not nested:  # within nested loops, a product is of vectors
        yield from map(_dot, _slow_dots(reader))
    yield from map(_einsum, _slow_einsums(reader))
    yield from map(_broadcast, _summed_broadcasts(reader))
    if types:
        yield from map(_float64, _float64s(reader))


def _slow_dots(reader: _Reader) -> Iterator[int]:
    for call, name in reader.calls():
        if name == "numpy.dot" and call.args:
            left = call.args[0]
        elif isinstance(call.func, ast.Attribute) and call.func.attr == "dot":
            left = call.func.value
        else:
            continue
        if not reader.anywhere(left, _has_two_axes):
            yield call.lineno


def _has_two_axes(node: ast.expr) -> bool:
    """Whether it can be seen that it was reshaped to two axes, or flattened and transposed."""
    while isinstance(node, ast.Attribute) and node.attr == "T":
        node = node.value
    match node:
        case ast.Call(func=ast.Attribute(attr="reshape"), args=[*_, ast.Tuple(elts=shape)]):
            return len(shape) == 2
        case ast.Call(func=ast.Attribute(attr="reshape"), args=shape):
            return len(shape) == 2
        case _:
            return False


def _slow_einsums(reader: _Reader) -> Iterator[int]:
    for call, name in reader.calls():
        if name == "numpy.einsum" and _operands(call.args) >= 2:
            chosen = {keyword.arg: keyword.value for keyword in call.keywords}
            match chosen.get("optimize"):
                case None if None not in chosen:  # nor within **options
                    yield call.lineno
                case ast.Constant(value=False):
                    yield call.lineno
                case _:
                    pass


def _operands(arguments: list[ast.expr]) -> int:
    """Of einsum, which takes its subscripts as one text or as a list after each operand."""
    if any(isinstance(argument, ast.Starred) for argument in arguments):
        return 2
    if len(arguments) >= 2 and isinstance(arguments[1], ast.List | ast.Tuple):
        return len(arguments) // 2
    return len(arguments) - 1


def _float64s(reader: _Reader) -> Iterator[int]:
    compared = {
        part
        for node in reader.nodes
        if isinstance(node, ast.Compare)
        for part in (node.left, *node.comparators)
    }
    for node in reader.nodes:
        if isinstance(node, ast.Attribute) and node not in compared:
            if reader.dotted(node) in _FLOAT64:
                yield node.lineno
        elif isinstance(node, ast.keyword) and node.arg == "dtype":
            if _means_float64(node.value, reader):
                yield node.value.lineno
        elif isinstance(node, ast.Call):
            yield from _float64_calls(node, reader)


def _float64_calls(call: ast.Call, reader: _Reader) -> Iterator[int]:
    name = reader.dotted(call.func)
    typed = len(call.args) >= 2 or any(word.arg in {"dtype", None} for word in call.keywords)
    if name in _FLOAT64_UNLESS_TOLD and not typed:
        yield call.lineno
    if isinstance(call.func, ast.Attribute) and call.func.attr == "double" and not call.args:
        yield call.lineno  # a tensor's method
    if isinstance(call.func, ast.Attribute) and call.func.attr in _TYPE_TAKERS:
        first = call.func.attr in {"astype", "dtype", "to", "type"}
        types = call.args if first else call.args[1:]
        if any(_means_float64(argument, reader) for argument in types):
            yield call.lineno


def _means_float64(node: ast.expr, reader: _Reader) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and node.value in _FLOAT64_TEXTS
    return reader.dotted(node) in _FLOAT64


def _summed_broadcasts(reader: _Reader) -> Iterator[int]:
    for call, name in reader.calls():
        if name in _SUMS and call.args:
            summed = call.args[0]
        elif isinstance(call.func, ast.Attribute) and call.func.attr == "sum":
            summed = call.func.value
        else:
            continue
        if reader.anywhere(summed, lambda node: _is_broadcast_product(node, reader)):
            yield call.lineno


def _is_broadcast_product(node: ast.expr, reader: _Reader) -> bool:
    match node:
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            pass
        case ast.Call(args=[left, right, *_]) if reader.dotted(node.func) in _PRODUCTS:
            pass
        case _:
            return False
    return any(
        reader.anywhere(side, lambda value: _has_new_axis(value, reader)) for side in (left, right)
    )


def _has_new_axis(node: ast.expr, reader: _Reader) -> bool:
    match node:
        case ast.Subscript(slice=ast.Tuple(elts=parts)):
            return any(_is_new_axis(part, reader) for part in parts[:_MAX_AXES])
        case ast.Subscript(slice=part):
            return _is_new_axis(part, reader)
        case ast.Call(func=ast.Attribute(attr="unsqueeze")):
            return True
        case ast.Call(func=called):
            return reader.dotted(called) in _NEW_AXES
        case _:
            return False


def _is_new_axis(part: ast.expr, reader: _Reader) -> bool:
    if isinstance(part, ast.Constant):
        return part.value is None
    return reader.dotted(part) == "numpy.newaxis"


def _loops(function: ast.AST, reader: _Reader) -> Iterator[tuple[int, int]]:
    """The line of each outermost loop over positions, and how deep loops are nested in it."""
    indexing = _indexing_names(reader)
    depths: dict[int, int] = {}
    waiting: list[tuple[ast.AST, int, int]] = [(function, 0, 0)]
    while waiting:
        node, depth, line = waiting.pop()
        deeper = _axes_looped_over(node, indexing, reader)
        if deeper:
            line = line or getattr(node, "lineno", 0)
            depth += deeper
            depths[line] = max(depth, depths.get(line, 0))
        waiting += [(child, depth, line) for child in ast.iter_child_nodes(node)]
    yield from depths.items()


def _axes_looped_over(node: ast.AST, indexing: set[str], reader: _Reader) -> int:
    if isinstance(node, ast.While):
        steps = [one.target for one in node.body if isinstance(one, ast.AugAssign)]
        return int(not indexing.isdisjoint(_names(steps)))
    loops: list[tuple[ast.expr, ast.expr]] = []
    if isinstance(node, ast.For):
        loops = [(node.target, node.iter)]
    elif isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp):
        loops = [(one.target, one.iter) for one in node.generators]
    return sum(
        _axes_counted(iterable, reader)
        for target, iterable in loops
        if not indexing.isdisjoint(_names([target]))
    )


def _axes_counted(iterable: ast.expr, reader: _Reader) -> int:
    name = reader.dotted(iterable.func) if isinstance(iterable, ast.Call) else ""
    if name not in _COUNTING or not isinstance(iterable, ast.Call):
        return 0
    if name == "range" and all(_is_small(argument) for argument in iterable.args):
        return 0
    return 1 if name in {"range", "enumerate"} else 2


def _is_small(node: ast.expr) -> bool:
    constant = isinstance(node, ast.Constant) and isinstance(node.value, int)
    return constant and abs(ast.literal_eval(node)) <= _SMALL_RANGE


def _indexing_names(reader: _Reader) -> set[str]:
    """Names that a subscript uses, itself or by way of other names; but not those of shapes."""
    slices = [
        node.slice
        for node in reader.nodes
        if isinstance(node, ast.Subscript) and "shape" not in reader.dotted(node.value)
    ]
    waiting = list(_names(slices))
    found: set[str] = set()
    followed: set[ast.expr] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            values = set(reader.values.get(name, ())) - followed
            followed |= values
            waiting += _names(values)
    return found


def _names(trees: Iterable[ast.AST]) -> Iterator[str]:
    return (node.id for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name))


def _loop(found: tuple[int, int]) -> SlowPath:
    line, depth = found
    text = (
        "Python takes one position at a time in this loop, and each round costs far more than its "
        "arithmetic. All positions go through the same kernel: look for one operation on the whole "
        "array."
    )
    return SlowPath("loop-over-positions", line, text, 3.0, 10_000.0 if depth >= 2 else 20.0)


def _dot(line: int) -> SlowPath:
    text = (
        "np.dot on an array of more than two axes never reaches the fast matrix product (BLAS). "
        "Give it two axes: flatten all positions to rows first."
    )
    return SlowPath("np-dot-beyond-two-axes", line, text, 3.0, 110.0)


def _broadcast(line: int) -> SlowPath:
    text = (
        "the products of every input channel with every output channel are all written to memory "
        "before they are summed. A matrix product sums while it multiplies, and keeps none of them."
    )
    return SlowPath("broadcast-then-sum", line, text, 3.0, 31.0)


def _einsum(line: int) -> SlowPath:
    text = (
        "einsum without optimize= multiplies and adds in a plain loop of its own, and does not use "
        "the fast matrix product (BLAS). Read what its option optimize does, or find the matrix "
        "product in the formula."
    )
    return SlowPath("einsum-without-path", line, text, 2.0, 18.0)


def _float64(line: int) -> SlowPath:
    text = (
        "float64 begins here, though the inputs are float32: twice the bytes, and half as many "
        "numbers at a time. Stay in the input's type; and where none is named, NumPy takes float64."
    )
    return SlowPath("float64-inside", line, text, 1.5, 9.0)
