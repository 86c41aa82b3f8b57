"""Does a student use what the assignment forbids, as far as the source text tells?

A rule of style, not a wall: whoever hides a name (`getattr(torch, "n" + "n")`) is not found. The
text is a student's and may be hostile: it is parsed and looked at, and nothing of it runs.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from grader.checking.mismatch import Mismatch
from grader.checking.recorder import Comparison, Question, note_comparison
from grader.checking.source import parse_source
from grader.text import clean

_MAX_BYTES = 200_000
_MAX_DOTS = 10
_MAX_LISTED = 5
_IMPORTERS = frozenset({"importlib.import_module", "__import__"})


@dataclass(frozen=True)
class ForbiddenUse:
    """One place where something forbidden is used.

    Attributes:
        file: Of the submission.
        line: Counted from 1.
        name: What is used: `torch.nn.functional`.
        rule: Which forbids it: `torch.nn`.
    """

    file: str
    line: int
    name: str
    rule: str


class StyleChecker:
    """What the fixture `style` gives.

    Args:
        files: The student's, by name.
        forbidden: From `[style]` in assignment.toml.
    """

    def __init__(self, files: Mapping[str, bytes], forbidden: Sequence[str]) -> None:
        self._files = files
        self._forbidden = tuple(forbidden)

    def judge(self) -> None:
        """Pass if no file of the student's uses anything that is forbidden.

        Raises:
            Mismatch: One does, or cannot be read; file, line and name are said.
        """
        note_comparison(Comparison(Question.STYLE, "the source", expected=self._forbidden))
        uses = [
            use
            for name, content in sorted(self._files.items())
            if name.endswith(".py")
            for use in find_forbidden(content, self._forbidden, name)
        ]
        if uses:
            raise _mismatch(uses)


def find_forbidden(
    source: bytes, forbidden: Sequence[str], file: str = "layers.py"
) -> tuple[ForbiddenUse, ...]:
    """Every use of something forbidden, by line; one for each line and rule.

    Found are imports in all their forms, also under other names; chains of attributes from what
    was imported; `getattr` and `import_module` with the name in plain text; and, for rules that
    begin with a dot, attributes and named arguments of that name.

    Args:
        source: A module's text.
        forbidden: As `grader.assignment.StyleRules` has it.
        file: What it is called.

    Raises:
        Mismatch: The text cannot be parsed, so nobody knows what it uses.
    """
    try:
        tree = parse_source(source, most=_MAX_BYTES)
        used = [*_Reader(tree, forbidden).uses()]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = clean(str(getattr(error, "msg", None) or error or type(error).__name__), 200)
        raise Mismatch(f"{file} cannot be looked at: {reason}.") from None
    found = {(line, rule): ForbiddenUse(file, line, name, rule) for line, name, rule in used[::-1]}
    return tuple(found[key] for key in sorted(found))


class _Reader:
    """Knows what the names of one module stand for."""

    def __init__(self, tree: ast.Module, forbidden: Sequence[str]) -> None:
        self._nodes = tuple(ast.walk(tree))
        self._paths = frozenset(rule for rule in forbidden if not rule.startswith("."))
        self._depth = max((rule.count(".") + 1 for rule in self._paths), default=0)
        self._above = {above for rule in self._paths for above in _beginnings(rule, self._depth)}
        self._members = {rule[1:]: rule for rule in forbidden if rule.startswith(".")}
        self._names: dict[str, str] = {}
        for node in self._nodes:
            self._note_import(node)
        for node in self._nodes:  # t = torch
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Name() | ast.Attribute()):
                    path = self._dotted(node.value)
                    if path in self._above or self._rule_of(path):
                        self._names.setdefault(name, path)
                case _:
                    pass

    def uses(self) -> Iterator[tuple[int, str, str]]:
        """Line, name and rule of each."""
        for node in self._nodes:
            line = getattr(node, "lineno", 1)
            for path in self._mentioned(node):
                if rule := self._rule_of(path):
                    yield line, path, rule
            match node:
                case (
                    ast.Attribute(attr=name)
                    | ast.keyword(arg=str(name))
                    | ast.Call(
                        func=ast.Name(id="getattr" | "setattr"),
                        args=[_, ast.Constant(value=str(name)), *_],
                    )
                ) if name in self._members:
                    yield line, f".{name}", self._members[name]
                case _:
                    pass

    def _mentioned(self, node: ast.AST) -> Iterator[str]:
        """The full names that a node stands for, as far as they can be told."""
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                if alias.name == "*":  # all that is in it, and so what is forbidden of it
                    inside = f"{node.module}."
                    yield from sorted(rule for rule in self._paths if rule.startswith(inside))
                    yield node.module
                else:
                    yield f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Attribute | ast.Name):
            yield self._dotted(node)
        elif isinstance(node, ast.Call):
            yield from self._named_in_text(node)

    def _named_in_text(self, call: ast.Call) -> Iterator[str]:
        match call:
            case ast.Call(
                func=ast.Name(id="getattr"), args=[owner, ast.Constant(value=str(name)), *_]
            ):
                yield f"{self._dotted(owner)}.{name}"
            case ast.Call(args=[ast.Constant(value=str(name)), *_]):
                if self._dotted(call.func) in _IMPORTERS:
                    yield name
            case _:
                pass

    def _note_import(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                self._names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                self._names[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def _dotted(self, node: ast.AST) -> str:
        """The full name that `F.linear` or `linear` stands for; "" for other things."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute) and len(parts) < _MAX_DOTS:
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join((self._names.get(node.id, node.id), *reversed(parts)))

    def _rule_of(self, path: str) -> str | None:
        """The rule that forbids a name; the widest one."""
        return next((p for p in _beginnings(path, self._depth) if p in self._paths), None)


def _beginnings(path: str, most: int) -> Iterator[str]:
    """`a`, `a.b`, `a.b.c`: so many at most, however long the name is."""
    parts = path.split(".", most)[:most]
    return (".".join(parts[: count + 1]) for count in range(len(parts)))


def _mismatch(uses: Sequence[ForbiddenUse]) -> Mismatch:
    lines = ["This assignment asks you to write it yourself, without what you use here:"]
    for use in uses[:_MAX_LISTED]:
        within = "" if use.name == use.rule else f" (of {use.rule})"
        lines.append(f"- {use.file}, line {use.line}: {clean(use.name, 100)}{within}")
    if len(uses) > _MAX_LISTED:
        lines.append(f"- and {len(uses) - _MAX_LISTED} more")
    rule = uses[0].rule
    words = "-".join(rule.lower().replace("_", " ").replace(".", " ").split())
    text = f"What does {rule} do for you here, and which lines of your own would do the same?"
    return Mismatch("\n".join(lines), hint=(f"forbidden-{words}", text))
