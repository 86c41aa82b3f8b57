"""The corpus: a folder for each attack, `<group>/<name>`, and what must come of it.

What it hands in is its files, or what `uploads()` of its `upload.py` gives. `expect.toml` says:

    number      of the attack in docs/hostile.md; several folders may be one attack
    what        it tries, in one sentence
    caught_by   what stops it
    refused     whether it is no submission at all
    failure     of the report: a name of `Failure`, or several that will do
    check_failure, message, output
                of which a check, or the whole, must speak
    score       of 100
    hidden      what students may not see
    twice       whether it is graded two times in a row
    naive       what it does to `naive/grade.py`: see `naive.judging`
    [bubblewrap]
                the same keys, where that sandbox differs, and `why`
"""

import importlib.util
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
GROUPS = ("resources", "upload", "forging", "theft", "escalation", "denial")
NUMBERS = range(1, 79)
"""Of the attacks that there are to be."""

SCORE = 100
_OWN = ("expect.toml", "upload.py")


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What must come of an attack; see the head of this module."""

    number: int
    what: str
    caught_by: str
    refused: bool = False
    failure: tuple[str | None, ...] = (None,)
    check_failure: tuple[str, ...] = ()
    message: str = ""
    output: str = ""
    hidden: str = ""
    score: float = 0
    twice: bool = False
    naive: str = ""
    why: str = ""


@dataclass(frozen=True)
class Attack:
    """One folder of the corpus.

    Attributes:
        name: `group/name`.
        folder: Where it lies.
        expected: What must come of it, by the kind of sandbox.
    """

    name: str
    folder: Path
    expected: Mapping[str, Expectation]

    @property
    def number(self) -> int:
        """Of the attack in the documentation."""
        return self.expected["docker"].number

    def files(self) -> dict[str, bytes]:
        """What is handed in, with what the corpus lends it."""
        own = {path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}
        lent = {path.name: path.read_bytes() for path in (HERE / "support").glob("*.py")}
        return lent | {name: content for name, content in own.items() if name not in _OWN}

    def uploads(self) -> dict[str, bytes]:
        """Archives and files by name; empty where the folder itself is what is handed in."""
        path = self.folder / "upload.py"
        return dict(_load(path).uploads()) if path.exists() else {}


def load_corpus() -> list[Attack]:
    """Every attack, by number."""
    folders = [path.parent for group in GROUPS for path in HERE.glob(f"{group}/*/expect.toml")]
    return sorted(map(_attack, folders), key=lambda attack: (attack.number, attack.name))


def _attack(folder: Path) -> Attack:
    values = tomllib.loads((folder / "expect.toml").read_text())
    otherwise = values.pop("bubblewrap", {})
    docker = Expectation(**_tuples(values))
    expected = {"docker": docker, "bubblewrap": replace(docker, **_tuples(otherwise))}
    return Attack(f"{folder.parent.name}/{folder.name}", folder, expected)


def _tuples(values: Mapping[str, object]) -> dict[str, object]:
    """The same, with one name or many as a tuple."""
    result = dict(values)
    for key in ("failure", "check_failure"):
        if key in result:
            result[key] = (result[key],) if isinstance(result[key], str) else tuple(result[key])
    return result


def _load(path: Path):
    """A module of the corpus's own; what it shares with others lies in this folder."""
    if "hostile_archives" not in sys.modules:
        sys.modules["hostile_archives"] = _module("hostile_archives", HERE / "hostile_archives.py")
    return _module("hostile_upload", path)


def _module(name: str, path: Path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
