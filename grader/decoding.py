"""Plain values of JSON or TOML become typed ones, and nothing is let through unchecked."""

import difflib
import functools
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from typing import Any, TypeVar, cast

from grader.text import quoted

_T = TypeVar("_T")
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
    return cast(_T, _decode(kind, value, where))


def suggestion(name: str, known: Iterable[str]) -> str:
    """` Did you mean x?` for a near miss; otherwise what there is."""
    names = list(known)
    near = difflib.get_close_matches(name[:100], names, n=1)
    return f" Did you mean {near[0]}?" if near else f" There are: {', '.join(names) or 'none'}."


def _decode(kind: object, value: object, where: str) -> object:
    if kind is Any:
        return value
    if is_dataclass(kind) or typing.is_typeddict(kind):
        return _record(cast("Callable[..., object]", kind), _table(value, where), where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _choice(kind, value, where)
    if kind in _NAMES:
        return _plain(kind, value, where)
    return _generic(kind, value, where)


def _generic(kind: object, value: object, where: str) -> object:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType and len(arguments) == 2 and arguments[1] is types.NoneType:
        return None if value is None else _decode(arguments[0], value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise _wrong(where, "a list", value)
        return tuple(_decode(arguments[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin is Mapping:
        table = _table(value, where)
        return {key: _decode(arguments[1], v, _inside(where, key)) for key, v in table.items()}
    raise TypeError(f"cannot decode into {kind}")


def _record(kind: Callable[..., object], table: Mapping[str, object], where: str) -> object:
    hints = _hints(kind)
    for key in table:
        if key not in hints:
            known = suggestion(key, hints)
            raise DecodeError(f"{_place(where)} has an unknown key {quoted(key)}.{known}")
    for key in hints:
        if key not in table and key in _needed(kind):
            raise DecodeError(f"{_place(where)} lacks the key {key}.")
    return kind(**{key: _decode(hints[key], v, _inside(where, key)) for key, v in table.items()})


@functools.cache
def _hints(kind: object) -> Mapping[str, object]:
    return typing.get_type_hints(kind)


@functools.cache
def _needed(kind: object) -> frozenset[str]:
    if is_dataclass(kind):
        return frozenset(
            f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING
        )
    return cast("frozenset[str]", kind.__required_keys__)  # type: ignore[attr-defined]


def _choice(kind: type[Enum], value: object, where: str) -> Enum:
    for member in kind:
        if isinstance(value, str) and value == member.value:
            return member
    raise _wrong(where, f"one of {', '.join(str(member.value) for member in kind)}", value)


def _plain(kind: object, value: object, where: str) -> object:
    if kind is float and isinstance(value, str) and value in _NOT_FINITE:
        return float(value)
    # bool is an int in Python; it is not one in JSON or TOML.
    if type(value) is kind or (kind is float and type(value) is int and abs(value) < 2**63):
        return value
    raise _wrong(where, _NAMES[kind], value)


def _table(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _wrong(where, "a table", value)
    return value


def _inside(where: str, key: str) -> str:
    name = key if key.isidentifier() and key.isascii() else quoted(key)
    return (f"{where}.{name}" if where else name)[:200]


def _place(where: str) -> str:
    return where or "the document"


def _wrong(where: str, wanted: str, value: object) -> DecodeError:
    got = {dict: "a table", list: "a list", type(None): "null"}.get(cast(type, type(value)), "")
    if not got:  # text, a number, a date; Python refuses to print integers of many digits
        huge = isinstance(value, int) and abs(value) >= 2**63
        got = "a huge number" if huge else quoted(str(value))
    return DecodeError(f"{_place(where)} must be {wanted}, not {got}.")
