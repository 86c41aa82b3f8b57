"""The rules that every file of a submission passes, however it comes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from grader.errors import SubmissionRefused
from grader.text import quoted

KEPT_SUFFIXES = (".py", ".txt", ".md", ".toml", ".json", ".csv", ".npy")
"""What a submission may consist of; anything else is refused by name."""

JUNK = frozenset({"__MACOSX", "__pycache__", "venv", "node_modules", "Thumbs.db", "desktop.ini"})
"""What systems and tools leave behind: ignored, as is everything hidden (`.git`, `.DS_Store`)."""

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_MIB = 1024 * 1024


@dataclass(frozen=True)
class SubmissionBounds:
    """How large a submission may be.

    Attributes:
        files: Number of files that are kept.
        file_bytes: Of one file.
        total_bytes: Of all kept files together.
        archive_bytes: Of a zip or tar as it comes; also of a tar once it is decompressed.
        entries: Files and folders looked at, ignored ones included.
        ratio: How many times its size an archive, or one file in it, may unpack to.
        depth: Parts of a file's name, folders included.
        name_length: Characters of a file's name, folders included.
    """

    files: int = 50
    file_bytes: int = _MIB
    total_bytes: int = 4 * _MIB
    archive_bytes: int = 8 * _MIB
    entries: int = 1000
    ratio: int = 100
    depth: int = 5
    name_length: int = 100

    def allowed_expansion(self, packed: int) -> int:
        """Bytes that `packed` bytes may unpack to; small ones have some leeway."""
        return max(64 * 1024, self.ratio * packed)


DEFAULT_BOUNDS = SubmissionBounds()


class Intake:
    """Collects the files of one submission; refuses the first thing that breaks a bound.

    Call `admit` for every entry as it is met, then `take` for those that it names.
    """

    def __init__(self, bounds: SubmissionBounds) -> None:
        self.bounds = bounds
        self._files: dict[str, bytes] = {}
        self._entries = 0
        self._total = 0
        # Names of files and of the folders they are in, as a case-insensitive system sees them.
        self._used: dict[str, bool] = {}

    def admit(self, name: str) -> str | None:
        """Judge the name of a file or a folder.

        Returns:
            The name in canonical form; None if it is to be ignored.

        Raises:
            SubmissionRefused: There are too many entries, or the name is not acceptable.
        """
        self._entries += 1
        if self._entries > self.bounds.entries:
            raise SubmissionRefused(
                f"The submission has more than {self.bounds.entries} entries: hand in only the "
                f"files that the assignment asks for."
            )
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or "\\" in name or "\0" in name or ".." in parts:
            raise SubmissionRefused(
                f"The name {quoted(name)} does not stay inside the submission: use plain relative "
                f"names with / between folders."
            )
        if not parts or any(part in JUNK or part.startswith(".") for part in parts):
            return None
        if parts[-1].endswith((".pyc", ".pyo")):
            return None
        self._require_plain("/".join(parts), parts)
        return "/".join(parts)

    def take(self, name: str, chunks: Iterable[bytes]) -> None:
        """Keep a file; never reads further than a chunk beyond a bound.

        Args:
            name: What `admit` returned.
            chunks: Its content, in pieces of bounded size.

        Raises:
            SubmissionRefused: It is of a kind that is not accepted, occurs twice or is too large.
        """
        self._require_suffix(name)
        self._require_unused(name)
        if len(self._files) == self.bounds.files:
            raise SubmissionRefused(
                f"The submission has more than {self.bounds.files} files: hand in only those that "
                f"the assignment asks for."
            )
        content = bytearray()
        for chunk in chunks:
            content += chunk
            self._total += len(chunk)
            if len(content) > self.bounds.file_bytes:
                raise SubmissionRefused(
                    f"The file {quoted(name)} is larger than {size_text(self.bounds.file_bytes)}: "
                    f"make it smaller or leave it out."
                )
            if self._total > self.bounds.total_bytes:
                raise SubmissionRefused(
                    f"All files together are larger than {size_text(self.bounds.total_bytes)}: "
                    f"leave out what the assignment does not ask for."
                )
        self._files[name] = bytes(content)

    def finish(self) -> dict[str, bytes]:
        """All files; folders that all of them share are taken off their names.

        Raises:
            SubmissionRefused: There are none.
        """
        if not self._files:
            raise SubmissionRefused(
                "The submission holds no files: hand in the files that the assignment asks for."
            )
        folders = [name.split("/")[:-1] for name in self._files]
        shared = 0
        while all(len(f) > shared and f[shared] == folders[0][shared] for f in folders):
            shared += 1
        return {"/".join(name.split("/")[shared:]): self._files[name] for name in self._files}

    def _require_plain(self, name: str, parts: list[str]) -> None:
        if len(name) > self.bounds.name_length:
            raise SubmissionRefused(
                f"The name {quoted(name)} is longer than {self.bounds.name_length} characters: "
                f"shorten it."
            )
        if len(parts) > self.bounds.depth:
            raise SubmissionRefused(
                f"The name {quoted(name)} is more than {self.bounds.depth} folders deep: move it "
                f"up."
            )
        for part in parts:
            if not _PART.fullmatch(part):
                raise SubmissionRefused(
                    f"The name {quoted(part)} is not acceptable: rename it, with letters A to Z, "
                    f"digits, _, . and - only, and no - in front."
                )

    def _require_suffix(self, name: str) -> None:
        if not name.lower().endswith(KEPT_SUFFIXES):
            raise SubmissionRefused(
                f"Files like {quoted(name)} are not accepted: remove it, and hand in only "
                f"{', '.join(KEPT_SUFFIXES)}."
            )

    def _require_unused(self, name: str) -> None:
        folded = name.casefold()
        parts = folded.split("/")
        folders = ["/".join(parts[:end]) for end in range(1, len(parts))]
        if folded in self._used or any(self._used.get(folder) for folder in folders):
            raise SubmissionRefused(
                f"The name {quoted(name)} occurs twice, or differs from another one only by "
                f"upper and lower case: rename or remove one of them."
            )
        self._used.update(dict.fromkeys(folders, False))
        self._used[folded] = True


def size_text(count: int) -> str:
    """A number of bytes for people."""
    return f"{count / _MIB:g} MiB" if count >= _MIB else f"{count} bytes"
