"""The folder that `grader new` makes: a whole assignment, as small as one can be."""

import re
import shutil
from pathlib import Path
from string import Template

from grader.errors import AssignmentInvalid
from grader.text import quoted

_FILES = Path(__file__).parent / "files"
_SUFFIX = ".txt"  # so that no tool takes them for code of this package
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST = 60


def scaffold(slug: str, parent: Path) -> Path:
    """Make the folder `parent/slug`; it verifies as it is.

    Raises:
        AssignmentInvalid: The name is none, the folder exists, or it cannot be written.
    """
    if _SLUG.fullmatch(slug) is None or len(slug) > _LONGEST:
        raise AssignmentInvalid(
            f"{quoted(slug)} is no name for an assignment: lower-case words joined by hyphens, "
            f"like dense-layer."
        )
    folder = parent / slug
    try:
        folder.mkdir()
    except FileExistsError:
        raise AssignmentInvalid(f"{folder} exists: choose another name.") from None
    except OSError as error:
        raise AssignmentInvalid(f"{folder} cannot be made: {error.strerror}.") from None
    try:
        for source in sorted(_FILES.rglob(f"*{_SUFFIX}")):
            target = folder / source.relative_to(_FILES).with_suffix("")
            target.parent.mkdir(parents=True, exist_ok=True)
            text = source.read_text(encoding="utf-8")
            is_document = target.name == "assignment.toml"
            target.write_text(Template(text).substitute(slug=slug) if is_document else text)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise AssignmentInvalid(f"{folder} cannot be written: {error.strerror}.") from None
    return folder
