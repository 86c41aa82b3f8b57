"""The command line against a real server, over real connections."""

import io
import json
import re
import socket
import stat
import threading
from datetime import timedelta

import pytest

from grader.cli import main
from grader.client import config_path
from grader.report import from_json
from web.courses.models import CourseAssignment
from web.database import now
from web.submissions.models import Submission

CODE = b"class Dense: ...\n"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Nobody's settings."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("GRADER_SERVER", raising=False)
    monkeypatch.delenv("GRADER_TOKEN", raising=False)
    return tmp_path


@pytest.fixture
def sam(address, token_of, monkeypatch):
    """The student's environment; who is at the terminal."""
    monkeypatch.setenv("GRADER_SERVER", address)
    monkeypatch.setenv("GRADER_TOKEN", token_of("sam"))


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "layers.py"
    path.write_bytes(CODE)
    return path


def count(service):
    with service.database.reading() as rows:
        return rows.query(Submission).count()


def receipt_in(output):
    return re.search(r"^receipt +(\w+)$", output, re.MULTILINE)[1]  # beside the service's own log


def submit(path, *more):
    return main(["submit", str(path), "--to", "dl/dense", *more])


def test_submit_prints_the_receipt_of_what_the_server_has(sam, module, service, capsys):
    assert submit(module) == 0
    receipt = receipt_in(capsys.readouterr().out)
    with service.database.reading() as rows:
        submission = rows.query(Submission).one()
    assert (submission.receipt, submission.source) == (receipt, "cli")
    assert submission.files == {"layers.py": len(CODE)}


def test_a_folder_is_handed_in_without_what_tools_leave_behind(sam, tmp_path, service):
    folder = tmp_path / "mine"
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "__pycache__" / "x.pyc").write_bytes(b"x")
    (folder / "layers.py").write_bytes(CODE)
    (folder / "parts").mkdir()
    (folder / "parts" / "more.py").write_bytes(b"n = 1\n")
    assert submit(folder) == 0
    with service.database.reading() as rows:
        assert set(rows.query(Submission).one().files) == {"layers.py", "parts/more.py"}


def test_what_cannot_be_graded_is_not_sent(sam, tmp_path, service, capsys):
    path = tmp_path / "layers.exe"
    path.write_bytes(b"MZ")
    assert submit(path) == 1
    assert "neither a .py file" in capsys.readouterr().err
    assert submit(tmp_path / "missing.py") == 1
    assert count(service) == 0


def test_status_follows_the_grading(sam, module, hand_in, finish, capsys):
    submission = hand_in()
    assert main(["status", submission.receipt]) == 0
    assert "waits to be graded, place 1" in capsys.readouterr().out
    finish(submission, 0)
    assert main(["status", submission.receipt, "--watch"]) == 0
    assert "is graded: 6 of 10 points" in capsys.readouterr().out


def test_submit_watches_until_the_report_is_there(sam, module, service, finish, capsys):
    def grade():
        while not count(service):
            pass
        with service.database.reading() as rows:
            submission = rows.query(Submission).one()
        finish(submission, 0, 1)

    grader = threading.Thread(target=grade)
    grader.start()
    assert submit(module, "--watch") == 0
    grader.join()
    output = capsys.readouterr().out
    assert "PASS" in output
    assert "10 / 10" in output


def test_a_report_comes_as_text_and_as_json(sam, hand_in, finish, capsys):
    submission = hand_in()
    assert main(["report", submission.receipt]) == 1
    assert "not graded yet" in capsys.readouterr().err
    finish(submission, 0, hint="no-bias")
    assert main(["report", submission.receipt]) == 0
    text = capsys.readouterr().out
    assert "This check is hidden." in text
    assert "grader grade" not in text
    assert main(["report", submission.receipt, "--format", "json"]) == 0
    assert from_json(capsys.readouterr().out).score == 6.0


def test_held_scores_are_not_told(sam, hand_in, finish, service, course, capsys):
    submission = hand_in()
    finish(submission, 0)
    with service.database.writing() as rows:
        rows.get(CourseAssignment, course.assignment_id).held = True
    assert main(["status", submission.receipt, "--watch"]) == 0
    assert "scores are not shown yet" in capsys.readouterr().out


def test_what_the_server_refuses_is_told_in_its_words(sam, module, service, course, capsys):
    with service.database.writing() as rows:
        rows.get(CourseAssignment, course.assignment_id).closes_at = now() - timedelta(hours=1)
    assert submit(module) == 1
    assert "closed at" in capsys.readouterr().err
    assert main(["submit", str(module), "--to", "dl/nothing"]) == 1
    assert main(["status", "nothing"]) == 1


def test_a_token_that_is_not_good_is_refused(address, module, monkeypatch, capsys):
    monkeypatch.setenv("GRADER_TOKEN", "onebyone_wrong")
    assert submit(module, "--server", address) == 1
    assert "token" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["status", "../me"],
        ["report", "a/b"],
        ["submit", ".", "--to", "dense"],
        ["submit", ".", "--to", "a/b/c"],
        ["submit", ".", "--to", "dl/dense", "--key", "\n"],
        ["status", "abc", "--server", "ftp://x"],
        ["status", "abc", "--server", "https://user:secret@x"],
        ["status", "abc", "--server", "http://[::1"],
        ["login", "--server", "nonsense"],
        ["login"],
    ],
)
def test_what_makes_no_sense_is_a_fault_of_usage(words, monkeypatch):
    monkeypatch.setenv("GRADER_TOKEN", "t")
    assert main(words) == 2


def test_where_no_server_or_token_is_known_it_says_how_to_name_one(module, capsys):
    assert submit(module) == 2
    assert "--server" in capsys.readouterr().err
    assert submit(module, "--server", "https://onebyone.example.org") == 2
    assert "grader login" in capsys.readouterr().err


def test_where_nothing_answers_nothing_was_taken(module, monkeypatch, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        monkeypatch.setenv("GRADER_TOKEN", "t")
        assert submit(module, "--server", f"http://127.0.0.1:{taken.getsockname()[1]}") == 3
    assert "Nothing was taken." in capsys.readouterr().err


def test_after_a_broken_connection_it_is_tried_again_and_taken_once(
    address, sam, module, service, capsys
):
    with Breaking(address, times=2) as broken:
        assert submit(module, "--server", broken.address) == 0
    assert broken.seen == 3
    assert count(service) == 1
    with service.database.reading() as rows:
        assert rows.query(Submission).one().receipt == receipt_in(capsys.readouterr().out)


def test_where_nobody_knows_it_says_so_and_the_key_makes_it_safe(
    address, sam, module, service, capsys
):
    with Breaking(address, times=99) as broken:
        assert submit(module, "--server", broken.address) == 3
    message = capsys.readouterr().err
    assert "not known" in message
    key = message.split("--key ")[1].split(":")[0]
    assert submit(module, "--key", key) == 0
    assert count(service) == 1


def test_a_full_disk_of_the_server_takes_nothing(sam, module, service, monkeypatch, capsys):
    def full(content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(service.blobs, "put", full)
    assert submit(module) == 3
    assert "Nothing was taken" in capsys.readouterr().err


def test_login_keeps_the_token_for_its_server_alone_and_readable_by_its_owner_alone(
    address, token_of, module, monkeypatch, capsys
):
    monkeypatch.setattr("sys.stdin", io.StringIO(token_of("sam") + "\n"))
    assert main(["login", "--server", f"{address}/"]) == 0
    assert "Sam Example" in capsys.readouterr().err
    assert stat.S_IMODE(config_path().stat().st_mode) == 0o600
    assert submit(module) == 0
    assert submit(module, "--server", "https://other.example.org") == 2
    assert "no token" in capsys.readouterr().err


def test_login_keeps_no_token_that_is_not_good(address, course, monkeypatch, capsys):
    for text, status in (("onebyone_wrong\n", 1), ("\n", 2), ("a b\n", 2)):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        assert main(["login", "--server", address]) == status
    assert not config_path().exists()


def test_login_takes_a_token_that_only_hands_in(address, token_of, module, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(token_of("sam", "submit")))
    assert main(["login", "--server", address]) == 0
    assert submit(module) == 0


def test_a_broken_config_is_told(module, home, capsys):
    config_path().parent.mkdir(parents=True)
    config_path().write_text("address = ")
    assert submit(module) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_over_plain_http_one_is_warned(module, monkeypatch, capsys):
    monkeypatch.setenv("GRADER_TOKEN", "t")
    assert submit(module, "--server", "http://onebyone.invalid") == 3
    assert "others on the way can read" in capsys.readouterr().err


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n<a>\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 500 Oh\r\nContent-Type: application/problem+json\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ids=["elsewhere", "a page", "a list", "no problem", "an empty problem"],
)
def test_a_server_that_is_another_one_is_a_failure(answer, monkeypatch, capsys):
    monkeypatch.setenv("GRADER_TOKEN", "t")
    with Answering(answer) as other:
        assert main(["status", "abc", "--server", other.address]) == 3
    assert capsys.readouterr().err


def test_what_a_server_says_cannot_change_the_terminal(monkeypatch, capsys):
    monkeypatch.setenv("GRADER_TOKEN", "t")
    body = json.dumps({"title": "No", "detail": "\x1b[2J\x1b]0;x\x07gone"}).encode()
    head = b"HTTP/1.1 409 Conflict\r\nContent-Type: application/problem+json\r\nContent-Length: "
    with Answering(head + str(len(body)).encode() + b"\r\n\r\n" + body) as other:
        assert main(["status", "abc", "--server", other.address]) == 1
    assert "\x1b" not in capsys.readouterr().err


class Listening:
    """A address of one's own, for as long as a test needs it."""

    def __enter__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.seen = 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(timeout=10)
        assert not self._thread.is_alive()

    def _serve(self):
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            with client:
                self.seen += 1
                self.answer(client)


class Answering(Listening):
    """Says the same to everybody."""

    def __init__(self, answer):
        self._answer = answer

    def answer(self, client):
        client.recv(65536)
        client.sendall(self._answer)


class Breaking(Listening):
    """Passes everything on to the service, and at first loses its answers."""

    def __init__(self, address, times):
        self._port = int(address.rsplit(":", 1)[1])
        self._times = times

    def answer(self, client):
        request = b""
        while b"\r\n\r\n" not in request:
            request += client.recv(65536)
        head, _, body = request.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += client.recv(65536)
        with socket.create_connection(("127.0.0.1", self._port)) as real:
            real.sendall(
                head.replace(b"Connection: keep-alive\r\n", b"")
                + b"\r\nConnection: close\r\n\r\n"
                + body
            )
            answer = b""
            while piece := real.recv(65536):
                answer += piece
        if self.seen > self._times:
            client.sendall(answer)
