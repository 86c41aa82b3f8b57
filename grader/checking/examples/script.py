"""The examples as values, and the file that holds them."""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.decoding import DecodeError, decode
from grader.errors import AssignmentInvalid
from grader.sandbox.runtime import Arrays

FILE = ".public_checks.zip"
"""Hidden, so that it is left out where a student hands in the whole folder."""
_DOCUMENT, _ARRAYS = "checks.json", "arrays.npz"
_FORMAT = 1
_BYTES = 256 << 20


class Do(StrEnum):
    """What a step does."""

    NEW = "new"
    CALL = "call"
    GET = "get"
    SET = "set"
    HOLD = "hold"
    MATCHES = "matches"
    ARRAY = "array"
    EQUAL = "equal"
    UNCHANGED = "unchanged"
    RAISES = "raises"
    RAISED = "raised"
    STYLE = "style"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that a check did.

    A value in `args`, `named` and `value` is plain JSON, or a table: `{"array": n}` is an array of
    the file, `{"step": n}` what step n gave, `{"tuple": [...]}` a tuple.

    Attributes:
        do: What.
        of: The step whose result it is about; None for the module.
        name: Of an export, a method or an attribute; for comparisons, what messages call it.
        args: Positional arguments.
        named: Named arguments.
        value: What is set, held or expected.
        terms: Of an expected array; see `grader.checking.tolerance.Expected`.
        magnitude: The same.
        spread: The same.
        shape: Expected.
        dtype: Expected.
    """

    do: Do
    of: int | None = None
    name: str = ""
    args: Any = ()
    named: Any = field(default_factory=dict)
    value: Any = None
    terms: int = 0
    magnitude: Any = None
    spread: Any = None
    shape: tuple[int, ...] = ()
    dtype: str = ""


@dataclass(frozen=True, kw_only=True)
class Example:
    """One case of a check.

    Attributes:
        case: What was drawn for it, to be shown.
        steps: In order.
    """

    case: Mapping[str, Any]
    steps: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class ExampleCheck:
    """A public check.

    Attributes:
        id: As in reports.
        title: The same.
        group: The same.
        points: What it is worth in a grading.
        examples: Its cases.
    """

    id: str
    title: str
    group: str
    points: float
    examples: tuple[Example, ...]


@dataclass(frozen=True, kw_only=True)
class Examples:
    """What a student's folder holds of an assignment's checks.

    Attributes:
        format: Of the file.
        assignment: The assignment's slug.
        version: Its version.
        file: The student's module.
        arrays: Whose arrays it works on.
        call_s: How long a check may take here.
        checks: The public ones that could be written down.
        left_out: Titles of public checks that could not.
        hidden: How many checks are not public.
    """

    format: int = _FORMAT
    assignment: str
    version: str
    file: str
    arrays: Arrays = Arrays.NUMPY
    call_s: float
    checks: tuple[ExampleCheck, ...]
    left_out: tuple[str, ...] = ()
    hidden: int = 0


def to_bytes(examples: Examples, arrays: list[NDArray[Any]]) -> bytes:
    """The file; the same examples give the same bytes."""
    held = io.BytesIO()
    np.savez_compressed(held, allow_pickle=False, **{f"a{i}": a for i, a in enumerate(arrays)})
    document = json.dumps(asdict(examples), separators=(",", ":"), allow_nan=False)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in ((_DOCUMENT, document.encode()), (_ARRAYS, held.getvalue())):
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return content.getvalue()


def from_bytes(content: bytes) -> tuple[Examples, list[NDArray[Any]]]:
    """Read what `to_bytes` wrote.

    Raises:
        AssignmentInvalid: It is something else.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _BYTES:
                raise ValueError("it is too large")
            document = json.loads(archive.read(_DOCUMENT))
            held = io.BytesIO(archive.read(_ARRAYS))
        with np.load(held, allow_pickle=False) as loaded:
            arrays = [loaded[f"a{number}"] for number in range(len(loaded.files))]
        examples = decode(Examples, document)
    except (
        zipfile.BadZipFile,
        KeyError,
        ValueError,
        DecodeError,
        RecursionError,
        EOFError,
        OSError,
    ) as error:
        raise AssignmentInvalid(
            f"{FILE} is damaged ({str(error)[:200]}): take it from the assignment again."
        ) from None
    if examples.format != _FORMAT:
        raise AssignmentInvalid(
            f"{FILE} has format {examples.format}, and this grader reads {_FORMAT}: update the "
            f"grader, or take the file from the assignment again."
        )
    return examples, arrays
