"""Hostile submissions for any interface.

Each module defines what the interface asks for, and solves nothing. They lie as text in
`hostile_code/`: `modules` are whole ones, `answers` say what is returned, whatever is asked.
"""

from pathlib import Path

from grader.assignment import Export, Interface
from grader.assignment_schema import ExportKind

_CODE = Path(__file__).parent / "hostile_code"

_FUNCTION = """

def {name}(*args, **named):
    return answer(*args)
"""

_CLASS = """

class {name}:
    def __init__(self, *args, **named):
        construct()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return called if name in {methods!r} else answer()

    def __setattr__(self, name, value):
        remember(value)
"""


def battery(interface: Interface) -> dict[str, dict[str, bytes]]:
    """The submissions by name; each is the files that would be handed in."""
    head = _read(_CODE / "head.txt")
    exports = "".join(map(_definition, interface.exports))
    modules = {path.stem: f"{head}\n\n{_read(path)}{exports}" for path in _texts(_CODE / "answers")}
    modules |= {path.stem: _read(path) for path in _texts(_CODE / "modules")}
    return {name: {interface.file: source.encode()} for name, source in modules.items()}


def _definition(export: Export) -> str:
    if export.kind is ExportKind.FUNCTION:
        return _FUNCTION.format(name=export.name)
    return _CLASS.format(name=export.name, methods=tuple(export.methods))


def _texts(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.txt"))


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
