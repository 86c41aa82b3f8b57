"""V14: nothing that is not for students gets to them."""

import ast
import contextlib
import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping

from grader.assignment import Assignment
from grader.bundle import bundle
from grader.checking.examples.script import FILE
from grader.errors import AssignmentInvalid
from grader.report import Report, Visibility, student_view
from grader.submission import Submission
from grader.verifying.finding import Finding, error
from grader.verifying.trial import Package, Place, Results, Trial

PROBE = "probe/files"
_LEAST_CHARACTERS = 25
"""Shorter lines are in every program: `def forward(self, x):`."""

_PROBE = '''\
"""Looks for lines of trusted files in everything that can be read here."""

import hashlib
import os

WANTED = {wanted!r}
ELSEWHERE = ("/proc", "/sys", "/dev", "/usr/lib/python3", "/usr/local/lib/python3")


def found():
    for parent, folders, files in os.walk("/"):
        folders[:] = [f for f in folders if not os.path.join(parent, f).startswith(ELSEWHERE)]
        for name in files:
            path = os.path.join(parent, name)
            if not name.endswith((".py", ".toml", ".md", ".json", ".txt")):
                continue
            try:
                with open(path, "rb") as file:
                    lines = file.read(1 << 20).splitlines()
            except OSError:
                continue
            for line in lines:
                if hashlib.sha256(line.strip()).hexdigest()[:16] in WANTED:
                    yield path
                    break


raise RuntimeError("found " + " ".join(sorted(found())))
'''


def probe(assignment: Assignment) -> Submission:
    """A submission that looks for trusted files, and raises what it found at once."""
    wanted = {hashlib.sha256(line.encode()).hexdigest()[:16] for line in _secret_lines(assignment)}
    source = _PROBE.format(wanted=sorted(wanted))
    return Submission({assignment.interface.file: source.encode()})


def trials(package: Package) -> Iterator[Trial]:
    """The probe in a sandbox, and the known-wrong submissions for their reports."""
    yield Trial(name=PROBE, place=Place.QUICK)
    for known in package.known.known_wrong:
        yield Trial(name=known.name, place=Place.SANDBOX)


def prove(package: Package, results: Results) -> list[Finding]:
    """Bundle, sandbox and students' reports hold nothing of what is trusted."""
    findings = [*_in_bundle(package.assignment)]
    findings += _in_sandbox(results[Trial(name=PROBE, place=Place.QUICK)])
    for known in package.known.known_wrong:
        findings += _in_report(known.name, results[Trial(name=known.name, place=Place.SANDBOX)])
    return findings


def _in_bundle(assignment: Assignment) -> Iterator[Finding]:
    try:
        files = bundle(assignment)
    except AssignmentInvalid as fault:
        yield error(
            "V14-no-bundle",
            "template",
            f"What students get could not be made: {fault}",
            "Mend the assignment until `grader bundle` makes it.",
        )
        return
    secret = _secret_lines(assignment)
    members = {
        f"{name}/{member}" if member else name: text
        for name, content in files.items()
        for member, text in _members(name, content).items()
    }
    for name, text in members.items():
        lines = {line.strip() for line in text.decode(errors="replace").splitlines()}
        for line in sorted(lines & secret)[:3]:
            yield error(
                "V14-leak",
                f"bundle:{name}",
                f"It holds a line of a trusted file: {line[:80]}",
                "Take it out of what students get.",
            )


def _in_sandbox(report: Report) -> Iterator[Finding]:
    found = (report.message or "").partition("RuntimeError: found ")[2].split("\n")[0]
    for path in found.split():
        if path.startswith("/"):
            yield error(
                "V14-leak",
                f"sandbox:{path}",
                "A file that can be read in the sandbox holds lines of trusted files.",
                "Take it out of the image.",
            )


def _in_report(name: str, report: Report) -> Iterator[Finding]:
    for check in student_view(report).checks:
        shown = (check.counterexample, check.metrics or None, check.hint, check.output, check.speed)
        if check.visibility is not Visibility.PUBLIC and any(each is not None for each in shown):
            yield error(
                "V14-expected-value",
                f"{name}, {check.id}",
                "A student's report shows more of a hidden check than whether it passed.",
                "This is a fault of the grader: report it.",
            )


def _members(name: str, content: bytes) -> Mapping[str, bytes]:
    """A file of the bundle, or what is in it where it is an archive of ours."""
    if name != FILE:
        return {"": content}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {entry: archive.read(entry) for entry in archive.namelist()}


def _secret_lines(assignment: Assignment) -> set[str]:
    """Lines of code of reference and checks, but for what the template gives on purpose."""
    template = (assignment.template / assignment.interface.file).read_text()
    given = _lines_of_functions(template)
    secret: set[str] = set()
    for path in sorted(assignment.reference.rglob("*.py")):
        for function, lines in _lines_of_functions(path.read_text()).items():
            secret |= lines - given.get(function, set())
    for path in sorted(assignment.checks.rglob("*.py")):
        for lines in _lines_of_functions(path.read_text()).values():
            secret |= lines
    return secret


def _lines_of_functions(source: str) -> dict[str, set[str]]:
    """The longer lines of simple statements, by the name of the function that holds them."""
    lines = source.splitlines()
    found: dict[str, set[str]] = {}

    def visit(node: ast.AST, name: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                visit(child, f"{name}.{child.name}")
            elif isinstance(child, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Return):
                text = {line.strip() for line in lines[child.lineno - 1 : child.end_lineno]}
                long = {line for line in text if len(line) >= _LEAST_CHARACTERS}
                found.setdefault(name, set()).update(long)
            else:
                visit(child, name)

    with contextlib.suppress(SyntaxError):  # another property says so
        visit(ast.parse(source), "")
    return found
