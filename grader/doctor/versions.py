"""Versions of components, and whether they are older than a fix."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?(?:[-~]?rc[.-]?(\d+))?(.*)", re.DOTALL)
_OWN_SUFFIX = re.compile(r"(?:-ce|-ee)?(?:-\d+-g[0-9a-f]{7,})?")
_FINAL = 1 << 30  # after every release candidate


@dataclass(frozen=True, order=True)
class Version:
    """What a component says of itself, as far as it can be compared.

    Attributes:
        release: Major, minor, patch.
        candidate: Number of a release candidate; a very large one for the release itself.
        suffix: What a distribution added; it may have mended what the number does not show.
    """

    release: tuple[int, int, int]
    candidate: int = _FINAL
    suffix: str = ""

    def __str__(self) -> str:
        number = ".".join(map(str, self.release))
        candidate = f"-rc.{self.candidate}" if self.candidate != _FINAL else ""
        return f"{number}{candidate}{self.suffix}"


def parse_version(text: str) -> Version | None:
    """The version that a text begins with; None where it begins with none.

    What a project's own builds add (`-ce`, `-0-g1234567`) is no distribution's suffix.
    """
    match = _VERSION.fullmatch(text.strip())
    if match is None:
        return None
    major, minor, patch, candidate, rest = match.groups()
    rest = "" if _OWN_SUFFIX.fullmatch(rest) else rest.strip()
    release = (int(major), int(minor), int(patch or 0))
    return Version(release, _FINAL if candidate is None else int(candidate), rest)


def has_fix(version: Version, fixed_in: Sequence[str]) -> bool:
    """Whether a version is a fixed one, by its number alone.

    Args:
        version: Of the component.
        fixed_in: The first fixed version of each branch (`1.2` of `1.2.8`). Branches after the
            newest are fixed; those in between without an entry never were.
    """
    fixes = sorted(fix for text in fixed_in if (fix := parse_version(text)) is not None)
    number = Version(version.release, version.candidate)
    if number >= fixes[-1]:
        return True
    return any(fix.release[:2] == number.release[:2] and number >= fix for fix in fixes)
