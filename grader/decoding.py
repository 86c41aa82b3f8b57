"""Plain values of JSON or TOML become typed ones, and nothing is let through unchecked."""

import difflib
import functools
import json
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from typing import Any, TypeVar, cast

from grader.text import quoted

_T = TypeVar("_T")
_Reader = Callable[[object], object]
"""Of one type: checks a value and builds what the type says. Raises _Misfit."""

_NOT_FINITE = ("nan", "inf", "-inf")
_NAMES: dict[object, str] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
}


class DecodeError(ValueError):
    """A value is not what its place asks for; the message names the place."""


def decode(kind: type[_T], value: object, where: str = "") -> _T:
    """Check a value against a type, and build what the type says.

    Args:
        kind: A dataclass or a TypedDict. Its fields may be such again, an Enum (by value),
            `Mapping[str, T]`, `tuple[T, ...]` (from a list), `T | None`, `str`, `bool`, `int`,
            `float`, or `Any` (taken as it is). The texts `nan`, `inf` and `-inf` are floats too:
            JSON has no others.
        value: What a JSON or TOML parser gave.
        where: The place, for messages; empty for the whole document.

    Raises:
        DecodeError: A type or a key is wrong.
    """
    try:
        return cast(_T, _reader(cast(object, kind))(value))
    except _Misfit as misfit:
        for step in reversed(misfit.steps):
            where = _inside(where, step)
        raise DecodeError(f"{where or 'the document'} {misfit.what}") from None


class _Misfit(Exception):
    """A value that does not fit, and the way to it, the last step first."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.steps: list[str | int] = []


def parse_json(content: str | bytes) -> object:
    """Parse JSON from strangers: each key once, no NaN or infinity.

    Raises:
        ValueError: It is something else, or nested too deeply.
    """
    try:
        return json.loads(content, object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("not JSON that can be read: nested too deeply") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("not JSON that can be read: a key occurs twice")
    return table


def _no_constant(name: str) -> None:
    raise ValueError(f"not JSON: {name}")


def suggestion(name: str, known: Iterable[str]) -> str:
    """` Did you mean x?` for a near miss; otherwise what there is."""
    names = list(known)
    near = difflib.get_close_matches(name[:100], names, n=1)
    return f" Did you mean {near[0]}?" if near else f" There are: {', '.join(names) or 'none'}."


@functools.cache
def _reader(kind: object) -> _Reader:
    # Made once for each type: a report has thousands of values, and a course thousands of reports.
    if kind is Any:
        return lambda value: value
    if is_dataclass(kind) or typing.is_typeddict(kind):
        return _record(cast("Callable[..., object]", kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _choice(kind)
    if kind in _NAMES:
        return _plain(cast(type, kind))
    return _generic(kind)


def _generic(kind: object) -> _Reader:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType and len(arguments) == 2 and arguments[1] is types.NoneType:
        some = _reader(arguments[0])
        return lambda value: None if value is None else some(value)
    if origin is tuple:
        return _list(arguments[0])
    if origin is Mapping:
        return _mapping(arguments[1])
    raise TypeError(f"cannot decode into {kind}")


def _list(item: object) -> _Reader:
    read = _reader(item)
    kinds = {item} if item in _NAMES else None

    def read_list(value: object) -> object:
        if not isinstance(value, list):
            raise _wrong("a list", value)
        if kinds is not None and set(map(type, value)) == kinds:
            return tuple(value)
        items: list[object] = []
        try:
            for each in value:
                items.append(read(each))
        except _Misfit as misfit:
            misfit.steps.append(len(items))
            raise
        return tuple(items)

    return read_list


def _mapping(item: object) -> _Reader:
    read = _reader(item)

    def read_mapping(value: object) -> object:
        found = {}
        for key, each in _table(value).items():
            try:
                found[key] = read(each)
            except _Misfit as misfit:
                misfit.steps.append(key)
                raise
        return found

    return read_mapping


def _record(kind: Callable[..., object]) -> _Reader:
    readers = {key: _reader(hint) for key, hint in typing.get_type_hints(kind).items()}
    needed = dict.fromkeys(_needed(kind))  # in their order

    def read_record(value: object) -> object:
        table = _table(value)
        if not table.keys() <= readers.keys():
            unknown = next(key for key in table if key not in readers)
            known = suggestion(unknown, readers)
            raise _Misfit(f"has an unknown key {quoted(unknown)}.{known}")
        if not table.keys() >= needed.keys():
            missing = next(key for key in needed if key not in table)
            raise _Misfit(f"lacks the key {missing}.")
        found = {}
        for key, each in table.items():
            try:
                found[key] = readers[key](each)
            except _Misfit as misfit:
                misfit.steps.append(key)
                raise
        return kind(**found)

    return read_record


def _needed(kind: Callable[..., object]) -> Sequence[str]:
    if is_dataclass(kind):
        return [
            f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING
        ]
    required = kind.__required_keys__  # type: ignore[attr-defined]
    return [key for key in typing.get_type_hints(kind) if key in required]


def _choice(kind: type[Enum]) -> _Reader:
    members = {member.value: member for member in kind}

    def read_choice(value: object) -> object:
        if isinstance(value, str) and value in members:
            return members[value]
        raise _wrong(f"one of {', '.join(str(known) for known in members)}", value)

    return read_choice


def _plain(kind: type) -> _Reader:
    def read_plain(value: object) -> object:
        if type(value) is kind:  # bool is an int in Python; it is not one in JSON or TOML
            return value
        if kind is float:
            if type(value) is int and abs(value) < 2**63:
                return value
            if isinstance(value, str) and value in _NOT_FINITE:
                return float(value)
        raise _wrong(_NAMES[kind], value)

    return read_plain


def _table(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _wrong("a table", value)
    return value


def _inside(where: str, step: str | int) -> str:
    if isinstance(step, int):
        return f"{where}[{step}]"
    name = step if step.isidentifier() and step.isascii() else quoted(step)
    return (f"{where}.{name}" if where else name)[:200]


def _wrong(wanted: str, value: object) -> _Misfit:
    got = {dict: "a table", list: "a list", type(None): "null"}.get(cast(type, type(value)), "")
    if not got:  # text, a number, a date; Python refuses to print integers of many digits
        huge = isinstance(value, int) and abs(value) >= 2**63
        got = "a huge number" if huge else quoted(str(value))
    return _Misfit(f"must be {wanted}, not {got}.")
