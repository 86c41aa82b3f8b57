"""Getting what a job names: by signed address, with a limit, and checked by its content's hash."""

import hashlib
import io
import shutil
import tarfile
import tempfile
from pathlib import Path

import requests

from grader.archives.unpacking import unpack_tar
from grader.assignment import load_assignment
from grader.errors import InfrastructureFault, OnebyoneError
from grader.tracing import traceparent
from grader.worker.jobs import Job

_TIMEOUT_S = (5.0, 60.0)
_LARGEST_ARCHIVE = 64 * 1024 * 1024
_LARGEST_ASSIGNMENT = 256 * 1024 * 1024
_KEPT = 4
_PIECE = 64 * 1024


class NotWanted(Exception):
    """The grading was cancelled, or is somebody else's by now: nothing is to be done."""


class FetchFailed(InfrastructureFault):
    """What the job names could not be had, or is something else."""


def fetch_archive(job: Job) -> bytes:
    """The submission's zip.

    Raises:
        NotWanted: The control plane does not want this grading any more.
        FetchFailed: It cannot be reached, or sends something else.
    """
    content = _get(job.archive_url, job, _LARGEST_ARCHIVE)
    if hashlib.sha256(content).hexdigest() != job.archive_sha256:
        raise FetchFailed("The submission that was sent is not the one that was asked for.")
    return content


class AssignmentCache:
    """Folders of assignments by their content's hash; the least used are removed.

    Args:
        folder: Where; made where it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, job: Job) -> Path:
        """The folder of the job's assignment.

        Raises:
            NotWanted: As `fetch_archive`.
            FetchFailed: It cannot be had, or is another assignment.
        """
        home = self._folder / job.assignment_sha256
        if not home.exists():
            self._fetch(job, home)
        home.touch()
        found = [path for path in home.iterdir() if path.is_dir()]
        if len(found) != 1:
            shutil.rmtree(home, ignore_errors=True)
            raise FetchFailed("The assignment that was kept is damaged; it is removed.")
        return found[0]

    def _fetch(self, job: Job, home: Path) -> None:
        content = _get(job.assignment_url, job, _LARGEST_ASSIGNMENT)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="new-") as temporary:
            unpacked = Path(temporary) / "assignment"
            try:
                with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                    unpack_tar(archive, unpacked)
                (folder,) = unpacked.iterdir()
                sha256 = load_assignment(folder).sha256
            except (tarfile.TarError, EOFError, ValueError, OSError, OnebyoneError) as error:
                raise FetchFailed(f"The assignment that was sent is none: {error}") from error
            if sha256 != job.assignment_sha256:
                raise FetchFailed("The assignment that was sent is not the one asked for.")
            unpacked.rename(home)
        self._remove_least_used()

    def _remove_least_used(self) -> None:
        homes = [path for path in self._folder.iterdir() if not path.name.startswith("new-")]
        homes.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for home in homes[_KEPT:]:
            shutil.rmtree(home, ignore_errors=True)


def _get(url: str, job: Job, most: int) -> bytes:
    headers = {"Authorization": f"Bearer {job.token}", "traceparent": traceparent(job.trace)}
    try:
        with requests.get(
            url, headers=headers, timeout=_TIMEOUT_S, stream=True, allow_redirects=False
        ) as answer:
            if answer.status_code == requests.codes.gone:
                raise NotWanted
            if answer.status_code != requests.codes.ok:
                raise FetchFailed(f"The service answered {answer.status_code}.")
            pieces, size = [], 0
            for piece in answer.iter_content(_PIECE):
                size += len(piece)
                if size > most:
                    raise FetchFailed(f"The service sent more than {most} bytes.")
                pieces.append(piece)
            return b"".join(pieces)
    except requests.RequestException as error:
        raise FetchFailed(f"The service cannot be reached: {type(error).__name__}.") from error
