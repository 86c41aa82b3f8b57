"""What assignment.toml may say: its tables as types, and the rules that types cannot express."""

import ast
import itertools
import keyword
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from grader.decoding import DecodeError, decode
from grader.sandbox.limits import Limits
from grader.sandbox.runtime import Arrays, Device, Runtime
from grader.text import quoted

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MODULE = re.compile(r"[A-Za-z][A-Za-z0-9_]*\.py")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,39}")
_GROUP = re.compile(r"[a-z][a-z0-9_-]{0,39}")

LIMIT_RANGES: Mapping[str, tuple[float, float]] = {
    "wall_s": (1, 3600),
    "load_s": (0.1, 600),
    "call_s": (0.01, 600),
    "cpus": (0.1, 64),
    "memory_mib": (64, 65536),
    "processes": (4, 4096),
    "output_kib": (1, 65536),
    "scratch_mib": (1, 4096),
    "reply_mib": (1, 4096),
    "restarts": (0, 100),
}
"""Smallest and largest value of each of `Limits`: what makes no sense is a typing error."""

_SPEED_RANGES: Mapping[str, tuple[float, float]] = {
    "small_share": (0, 1),
    "small_s": (0.01, 600),
    "call_ms": (0.1, 1000),
}


class ExportKind(StrEnum):
    """What a student's module may be asked to define."""

    CLASS = "class"
    FUNCTION = "function"


@dataclass(frozen=True, kw_only=True)
class Export:
    """A name that the student's module defines.

    Attributes:
        name: A Python identifier.
        kind: `class` or `function`.
        init: Parameters of the constructor, in parentheses; of classes only.
        signature: The same of a function.
        methods: What checks may call; of classes only.
        attributes: What checks may read and set; of classes only.
    """

    name: str
    kind: ExportKind
    init: str | None = None
    signature: str | None = None
    methods: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Interface:
    """The student's module: its file, and what that defines."""

    file: str
    exports: tuple[Export, ...]


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One rung of a ladder: whoever is at most so far behind the reference gets that share.

    Attributes:
        at_most: Ratio of student to reference.
        share: Of a check's points, more than 0 and at most 1.
    """

    at_most: float
    share: float


def _ladder(*rungs: tuple[float, float]) -> tuple[Rung, ...]:
    return tuple(Rung(at_most=at_most, share=share) for at_most, share in rungs)


def _default_ladders() -> Mapping[str, tuple[Rung, ...]]:
    return {
        "forward": _ladder((4, 1), (15, 0.7), (100, 0.4)),
        "backward": _ladder((4, 1), (20, 0.7), (100, 0.4)),
        "memory": _ladder((2.5, 1), (6, 0.5)),
    }


@dataclass(frozen=True, kw_only=True)
class SpeedRules:
    """How checks of speed are judged, from `[speed]` in assignment.toml.

    Attributes:
        ladders: Rungs by the name that checks give, steepest first. Those named here replace
            all of the default ones.
        small_share: What finishing the small case is worth, as a share of a check's points.
        small_s: Seconds for that.
        call_ms: How long the reference is to be busy in one call; the work is scaled to it.
    """

    ladders: Mapping[str, tuple[Rung, ...]] = field(default_factory=_default_ladders)
    small_share: float = 0.1
    small_s: float = 10.0
    call_ms: float = 5.0


@dataclass(frozen=True, kw_only=True)
class StyleRules:
    """What students may not use, from `[style]` in assignment.toml.

    Attributes:
        forbidden: `torch.nn` is that module and all in it; `.requires_grad` is any attribute,
            method or named argument that is called so.
    """

    forbidden: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Excuse:
    """A mutant of the reference that no check can catch, and why.

    Attributes:
        mutant: Its name, as `grader verify` shows it.
        reason: One sentence.
    """

    mutant: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class VerifyRules:
    """What `grader verify` asks for, from `[verify]` in assignment.toml.

    Attributes:
        seeds: How many seeds each verdict is repeated with.
        min_mutation_score: Share of the reference's mutants that the checks must catch.
        equivalent: Mutants that are as right as the reference.
    """

    seeds: int = 5
    min_mutation_score: float = 0.9
    equivalent: tuple[Excuse, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Leaderboard:
    """How submissions are ranked, from `[leaderboard]` in assignment.toml.

    Attributes:
        metric: A metric of checks; the board shows its geometric mean over `checks`.
        checks: Whose; each must have passed or earned a part.
        lowest_first: Whether less is better.
    """

    metric: str
    checks: tuple[str, ...]
    lowest_first: bool = True


@dataclass(frozen=True, kw_only=True)
class AssignmentDocument:
    """assignment.toml, validated.

    Attributes:
        format: Of this file; 1.
        id: The assignment's slug, which is the name of its folder.
        version: The author's, for people.
        title: One line.
        interface: What the student's module defines.
        points: Total of each group of checks.
        limits: On one grading.
        runtime: What student code computes with.
        style: What it may not use.
        speed: How checks of speed are judged.
        verify: What `grader verify` asks for.
        leaderboard: How submissions are ranked; None where they are not.
    """

    format: int
    id: str
    version: str
    title: str
    interface: Interface
    points: Mapping[str, float]
    limits: Limits = field(default_factory=Limits)
    runtime: Runtime = field(default_factory=Runtime)
    style: StyleRules = field(default_factory=StyleRules)
    speed: SpeedRules = field(default_factory=SpeedRules)
    verify: VerifyRules = field(default_factory=VerifyRules)
    leaderboard: Leaderboard | None = None


def parse_document(table: Mapping[str, object]) -> AssignmentDocument:
    """Validate what a TOML parser gave.

    Raises:
        DecodeError: A key is unknown, missing, or has a value of the wrong type or range.
    """
    document = decode(AssignmentDocument, table)
    _require(document.format == 1, f"format must be 1, not {document.format}")
    _require_match(_SLUG, document.id, "id", "lower-case words joined by hyphens, like dense-layer")
    _require_match(_VERSION, document.version, "version", "text like 1 or 2026.1")
    title = document.title
    _require(
        title.isprintable() and len(title.strip()) >= 1 and len(title) <= 100,
        f"title must be one line of 1 to 100 characters, not {quoted(title)}",
    )
    _validate_interface(document.interface)
    _validate_points(document.points)
    _validate_limits(document.limits)
    _validate_runtime(document.runtime)
    _validate_style(document.style)
    _validate_speed(document.speed)
    _validate_verify(document.verify)
    if document.leaderboard is not None:
        _validate_leaderboard(document.leaderboard)
    return document


def _validate_interface(interface: Interface) -> None:
    _require_match(_MODULE, interface.file, "interface.file", "a module's name, like layers.py")
    _require(
        not keyword.iskeyword(interface.file.removesuffix(".py")),
        f"interface.file {interface.file} cannot be imported: choose a name that is no keyword",
    )
    _require(len(interface.exports) > 0, "interface.exports is empty: name what students write")
    _require_unique([export.name for export in interface.exports], "interface.exports")
    for export in interface.exports:
        _validate_export(export)


def _validate_export(export: Export) -> None:
    where = f"interface.exports {quoted(export.name)}"
    _require_public_name(export.name, where)
    if export.kind is ExportKind.FUNCTION:
        key, parameters = "signature", export.signature
        _require(
            not (export.init or export.methods or export.attributes),
            f"{where} is a function: it has a signature, but no init, methods or attributes",
        )
    else:
        key, parameters = "init", export.init
        _require(export.signature is None, f"{where} is a class: say init instead of signature")
        for name in (*export.methods, *export.attributes):
            _require_public_name(name, where)
        _require_unique([*export.methods, *export.attributes], f"{where}, methods and attributes")
    if parameters is None:
        raise DecodeError(f'{where} lacks the key {key}: its parameters, like "(units, rank=2)".')
    _validate_parameters(parameters, f"{where}.{key}")


def _validate_parameters(parameters: str, where: str) -> None:
    remedy = f'{where} must be parameters in parentheses, like "(units, rank=2)"'
    _require(len(parameters) <= 500, f"{remedy}, in at most 500 characters")
    try:
        tree = ast.parse(f"def f{parameters}: pass")
        compile(tree, "<assignment.toml>", "exec")  # finds names that occur twice; runs nothing
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise DecodeError(f"{remedy}, not {quoted(parameters)}.") from None
    match tree.body:
        case [ast.FunctionDef(args=arguments, returns=None, body=[ast.Pass()])]:
            defaults = [*arguments.defaults, *filter(None, arguments.kw_defaults)]
            literal = all(_is_literal(default) for default in defaults)
            _require(literal, f"{where} has a default that is not a literal: write its value")
        case _:
            raise DecodeError(f"{remedy}, not {quoted(parameters)}.")


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, RecursionError, MemoryError):
        return False
    return True


def _validate_points(points: Mapping[str, float]) -> None:
    _require(len(points) > 0, "points is empty: give each group of checks its total")
    for group, total in points.items():
        _require_match(_GROUP, group, "points: a group's name", "lower-case, like forward")
        _require(
            math.isfinite(total) and 0 < total <= 1e6,
            f"points.{group} must be more than 0 and at most 1000000, not {total}",
        )


def _validate_limits(limits: Limits) -> None:
    for name, (low, high) in LIMIT_RANGES.items():
        value = getattr(limits, name)
        _require(low <= value <= high, f"limits.{name} must be {low} to {high}, not {value}")
    for name in ("load_s", "call_s"):
        _require(
            getattr(limits, name) <= limits.wall_s,
            f"limits.{name} is more than limits.wall_s ({limits.wall_s}): lower the one or raise "
            f"the other",
        )


def _validate_runtime(runtime: Runtime) -> None:
    _require(
        runtime.device is Device.CPU or runtime.arrays is Arrays.TORCH,
        'runtime.device is "cuda", where NumPy\'s arrays cannot live: say runtime.arrays = "torch"',
    )


def _validate_style(style: StyleRules) -> None:
    names = style.forbidden
    _require(len(names) <= 100, f"style.forbidden has {len(names)} names: 100 will do")
    _require_unique(names, "style.forbidden")
    for name in names:
        parts = name.removeprefix(".").split(".")
        single = len(parts) == 1 or not name.startswith(".")
        fits = name.isascii() and len(name) <= 100 and all(map(str.isidentifier, parts))
        _require(
            fits and single and not any(map(keyword.iskeyword, parts)),
            f"style.forbidden: {quoted(name)} must be a module or what is in one, like torch.nn, "
            "or an attribute of anything, like .requires_grad",
        )


def _validate_speed(speed: SpeedRules) -> None:
    for name, rungs in speed.ladders.items():
        _require_match(_GROUP, name, "speed.ladders: a ladder's name", "lower-case, like forward")
        _validate_ladder(rungs, f"speed.ladders.{name}")
    for name, (low, high) in _SPEED_RANGES.items():
        value = getattr(speed, name)
        _require(low <= value <= high, f"speed.{name} must be {low} to {high}, not {value}")


def _validate_verify(verify: VerifyRules) -> None:
    _require(1 <= verify.seeds <= 1000, f"verify.seeds must be 1 to 1000, not {verify.seeds}")
    score = verify.min_mutation_score
    _require(0 <= score <= 1, f"verify.min_mutation_score must be 0 to 1, not {score}")
    _require_unique([excuse.mutant for excuse in verify.equivalent], "verify.equivalent")


def _validate_leaderboard(board: Leaderboard) -> None:
    _require_match(_GROUP, board.metric, "leaderboard.metric", "a metric's name, like speed_ratio")
    _require(len(board.checks) > 0, "leaderboard.checks is empty: name the checks that count")
    _require_unique(board.checks, "leaderboard.checks")


def _validate_ladder(rungs: tuple[Rung, ...], where: str) -> None:
    _require(1 <= len(rungs) <= 20, f"{where} must have 1 to 20 rungs, not {len(rungs)}")
    for rung in rungs:
        _require(
            0.01 <= rung.at_most <= 1e6 and 0 < rung.share <= 1,
            f"{where}: at_most must be 0.01 to 1000000 and share more than 0, at most 1",
        )
    for steep, flat in itertools.pairwise(rungs):
        _require(
            steep.at_most < flat.at_most and steep.share > flat.share,
            f"{where}: each rung must ask for less than the one before, and give less",
        )


def _require_public_name(name: str, where: str) -> None:
    fits = name.isascii() and name.isidentifier() and not keyword.iskeyword(name)
    _require(
        fits and not name.startswith("_") and len(name) <= 60,
        f"{where}: {quoted(name)} must be a Python name without an underscore in front",
    )


def _require_unique(names: Iterable[str], where: str) -> None:
    seen: set[str] = set()
    for name in names:
        _require(name not in seen, f"{where}: {quoted(name)} occurs twice")
        seen.add(name)


def _require_match(pattern: re.Pattern[str], value: str, where: str, wanted: str) -> None:
    _require(pattern.fullmatch(value) is not None, f"{where} must be {wanted}, not {quoted(value)}")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise DecodeError(f"{message}.")
