"""The arrows between the parts, proved on the import statements themselves."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GRADER = ROOT / "grader"
WEB = ROOT / "web"
AGENT = GRADER / "sandbox" / "agent"
MAX_LINES = 500


def modules(folder):
    return sorted(folder.rglob("*.py"))


def imports(path):
    """Absolute names of everything that a file imports, at any depth of nesting."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            name = ".".join((*base, *(node.module or "").split("."))).strip(".")
            found |= {f"{name}.{alias.name}" for alias in node.names}
    return found


def importers(folder, *forbidden, allowed=()):
    """Which files below `folder` import something forbidden."""
    return {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(folder)
        for name in imports(path)
        if any(name == f or name.startswith(f + ".") for f in forbidden)
        and not any(name.startswith(a) for a in allowed)
    }


def test_the_grader_knows_no_web_and_no_database():
    assert not importers(GRADER, "web", "flask", "sqlalchemy")


def test_only_runners_on_other_machines_know_the_broker():
    beyond = importers(ROOT / "grader", "celery", "kombu", "amqp") | importers(
        WEB, "celery", "kombu", "amqp"
    )
    allowed = ("grader/worker/", "grader/cli/worker.py", "web/dispatch/", "web/cli/dispatch.py")
    assert {each for each in beyond if not each.startswith(allowed)} == set()


def test_a_runner_has_no_database_and_no_secret():
    unknown = ("web", "sqlalchemy", "psycopg", "flask", "itsdangerous", "authlib")
    for part in ("runner", "worker"):
        assert not importers(GRADER / part, *unknown)
    known = ("grader.runner.messages", "grader.runner.process")
    assert not importers(WEB, "grader.runner", allowed=known)


def test_a_runner_of_its_own_loads_no_database_by_whatever_way():
    code = "import grader.cli.worker, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"web", "sqlalchemy", "psycopg", "flask"} & set(loaded)


def test_the_service_knows_no_check_and_no_sandbox():
    beyond = ("grader.sandbox", "grader.checking", "grader.grading")
    known = importers(WEB, "pytest", "hypothesis", "torch", "docker", *beyond)
    assert {each for each in known if not each.startswith("web/cli/")} == set()


def test_nothing_below_the_pages_knows_of_requests():
    services = [
        path
        for path in modules(WEB)
        if path.name in {"models.py", "database.py", "storage.py", "queue.py", "recorder.py"}
        or path.name in {"receiving.py", "standings.py", "deadlines.py", "worker.py", "access.py"}
    ]
    assert len(services) >= 12
    for path in services:
        assert not {name for name in imports(path) if name.split(".")[0] in {"flask", "apiflask"}}


def test_nothing_imports_the_services_command_line():
    importing = importers(WEB, "web.cli")
    assert {each for each in importing if not each.startswith("web/cli/")} == set()


def test_the_core_needs_no_torch():
    assert not importers(GRADER, "torch", "keras", "tensorflow", "onnx")


def test_nothing_imports_the_command_line():
    importing = importers(GRADER, "grader.cli")
    outside = {each for each in importing if not each.startswith("grader/cli/")}
    assert outside == {"grader/__main__.py imports grader.cli.main"}


def test_the_sandbox_knows_no_check_and_no_score():
    assert not importers(
        GRADER / "sandbox",
        "grader.checking",
        "grader.grading",
        "grader.report",
        "grader.assignment",
        "grader.submission",
        "pytest",
        "hypothesis",
    )


def test_the_doctor_knows_sandboxes_and_nothing_above_them():
    others = {f"grader.{path.stem}" for path in GRADER.iterdir() if not path.name.startswith("_")}
    allowed = {"grader.doctor", "grader.sandbox", "grader.errors", "grader.text"}
    assert others > allowed
    assert not importers(GRADER / "doctor", *(others - allowed), "pytest", "hypothesis")
    assert not importers(GRADER / "sandbox", "grader.doctor")


def test_hostile_code_of_the_doctor_imports_the_standard_library_and_numpy():
    found = {name.split(".")[0] for name in imports(GRADER / "doctor" / "inside.py")}
    assert found <= sys.stdlib_module_names | {"numpy"}


def test_checking_knows_no_kind_of_sandbox_and_no_report():
    assert not importers(
        GRADER / "checking",
        "grader.grading",
        "grader.report",
        "grader.sandbox.docker",
        "grader.sandbox.bubblewrap",
        "grader.sandbox.process",
        "grader.sandbox.select",
        "docker",
    )


@pytest.mark.parametrize("path", modules(AGENT), ids=lambda path: path.name)
def test_the_agent_imports_the_standard_library_numpy_and_itself(path):
    allowed = sys.stdlib_module_names | {"numpy"}
    for name in imports(path):
        assert name.split(".")[0] in allowed or name.startswith("grader.sandbox.agent"), name


def test_nothing_is_ever_unpickled():
    unsafe = ("pickle", "marshal", "shelve", "dill", "cloudpickle")
    assert not importers(GRADER, *unsafe) | importers(WEB, *unsafe)
    calls = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (*modules(GRADER), *modules(WEB))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"eval", "exec", "np.load", "numpy.load"}
        and "allow_pickle=False" not in map(ast.unparse, node.keywords)
    ]
    assert calls == []


def test_no_module_outgrows_its_reader():
    folders = (GRADER, WEB, ROOT / "tests", ROOT / "assignments", ROOT / "benchmarks")
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in folders
        for path in modules(folder)
        if (lines := len(path.read_text().splitlines())) > MAX_LINES
        and "migrations" not in path.parts  # written by a tool, read by a database
    }
    assert long == {}
