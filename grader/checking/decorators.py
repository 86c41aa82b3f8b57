"""`@check`: what makes a pytest function a check."""

import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

Visibility: TypeAlias = Literal["public", "hidden", "after_deadline"]
_VISIBILITIES = ("public", "hidden", "after_deadline")
_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class CheckInfo:
    """What an author declares of a check.

    Attributes:
        group: One of `[points]` in assignment.toml.
        points: Earned by passing.
        visibility: Who sees more than its title and whether it passed.
        title: First line of the docstring.
        needs: Groups of which every check must have passed; otherwise this one is not run.
    """

    group: str
    points: float
    visibility: Visibility
    title: str
    needs: tuple[str, ...] = ()


def check(
    *,
    group: str,
    points: float = 1,
    visibility: Visibility = "public",
    needs: Sequence[str] = (),
) -> Callable[[_Function], _Function]:
    """Make a pytest function a check of an assignment.

    The first line of its docstring is its title.

    Raises:
        ValueError: Points, visibility or needs make no sense, or there is no docstring.
    """
    if not points > 0:
        raise ValueError(f"points must be more than 0, not {points}")
    if visibility not in _VISIBILITIES:
        raise ValueError(f"visibility must be one of {', '.join(_VISIBILITIES)}")

    if isinstance(needs, str) or group in needs:
        raise ValueError(f"needs must be groups other than {group}, like ('forward',)")

    def decorate(function: _Function) -> _Function:
        title = (inspect.getdoc(function) or "").split("\n")[0].strip()
        if not title:
            raise ValueError(f"{function.__name__} needs a docstring: its first line is its title")
        function.__check__ = CheckInfo(  # type: ignore[attr-defined]
            group, points, visibility, title, tuple(needs)
        )
        return function

    return decorate


def check_info(function: object) -> CheckInfo | None:
    """What `@check` declared of a function, or None."""
    info = getattr(function, "__check__", None)
    return info if isinstance(info, CheckInfo) else None


def derive_seed(seed: int, check_id: str) -> int:
    """A seed of its own for every check: 63 bits of SHA-256 over grading seed and check id."""
    digest = hashlib.sha256(f"{seed}:{check_id}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
