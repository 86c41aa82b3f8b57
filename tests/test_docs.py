"""The documents name what the code has: they cannot fall behind unnoticed."""

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import grader.checking
from grader.checking import assert_matches
from grader.checking.tolerance import bound
from grader.cli.verify import PARTS
from grader.doctor.escapes import ESCAPES
from grader.doctor.finding import CODES as DOCTOR_CODES
from grader.doctor.finding import ESCAPE, NEVER_ACCEPTED
from grader.sandbox.agent import wire
from grader.sandbox.limits import Limits
from grader.sandbox.select import KINDS
from grader.verifying.finding import CODES
from grader.verifying.properties import PROPERTIES
from web.accounts.services import SCOPES

from .hostile.corpus import load_corpus

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
AUTHORING = (ROOT / "docs" / "authoring.md").read_text()
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()
HOSTILE = (ROOT / "docs" / "hostile.md").read_text()
CLIENT = (ROOT / "docs" / "client.md").read_text()
API = (ROOT / "docs" / "api.md").read_text()
SECURITY = (ROOT / "SECURITY.md").read_text()


@pytest.mark.parametrize("field", dataclasses.fields(Limits), ids=lambda field: field.name)
def test_each_limit_is_documented_with_its_default(field):
    assert re.search(rf"\| `{field.name}` \| {field.default:g}(\.0)? \|", AUTHORING)


@pytest.mark.parametrize("name", sorted(set(grader.checking.__all__) - {"Mismatch"}))
def test_each_name_for_checks_is_documented(name):
    assert re.search(rf"\b{name}\b", AUTHORING)


@pytest.mark.parametrize("kind", wire.Kind, ids=lambda kind: kind.name)
def test_each_kind_of_frame_is_documented_with_its_number(kind):
    assert f"| {kind.value} | {kind.name} |" in PROTOCOL


def test_the_dtypes_are_documented_in_their_order():
    names = re.search(r"Dtypes, by number: ([^.]*)\.", PROTOCOL)[1]
    documented = re.findall(r"`(\w+)`", names)
    assert documented == [dtype.name for dtype in wire.DTYPES]


def test_each_code_of_a_finding_is_documented_under_its_property_and_no_other_is():
    page = (ROOT / "docs" / "findings.md").read_text()
    documented = re.findall(r"^\| `(V\d\d-[a-z-]+)` \| (.+) \|$", page, re.MULTILINE)
    assert dict(documented) == dict(CODES)
    for each in PROPERTIES:
        assert f"## {each.code}: {each.title}\n" in page
        assert f"--part {each.name}`" in page


def test_each_code_of_the_doctor_is_documented_as_it_is_and_no_other_is():
    page = (ROOT / "docs" / "doctor.md").read_text()
    row = r"^\| `([a-z-]+)` \| (\w+) \| (.+) \| (.+) \|$"
    documented = {code: rest for code, *rest in re.findall(row, page, re.MULTILINE)}
    assert documented == {
        code: [kind.severity.value, kind.meaning, kind.remedy]
        for code, kind in DOCTOR_CODES.items()
    }
    assert {c for c in documented if c.startswith(ESCAPE)} == {each.code for each in ESCAPES}
    for code in NEVER_ACCEPTED:
        assert f"`{code}`" in page.split("\n## ")[0]


def test_the_parts_of_the_command_line_are_the_properties():
    assert tuple(each.name for each in PROPERTIES) == PARTS


def test_each_option_of_the_command_line_is_in_the_readme():
    command = [sys.executable, "-m", "grader", "grade", "--help"]
    usage = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    options = set(re.findall(r"--[a-z-]+", usage)) - {"--help"}
    assert options == {o for o in options if f"`{o}" in README or f"{o} " in README}


@pytest.mark.parametrize("command", ["login", "submit", "status", "report", "export"])
def test_each_command_of_the_client_is_documented_with_its_options(command):
    words = [sys.executable, "-m", "grader", command, "--help"]
    usage = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert f"`grader {command}" in CLIENT
    for option in set(re.findall(r"--[a-z-]+", usage)) - {"--help"}:
        assert re.search(rf"^\| `{option}` \| .*(`{command}`|all) ", CLIENT, re.MULTILINE), option


@pytest.mark.parametrize("scope", SCOPES)
def test_each_scope_of_a_token_is_documented(scope):
    assert f"| `{scope}` | " in API


def test_each_sandbox_has_its_column_in_the_security_page():
    header = next(line for line in SECURITY.splitlines() if line.startswith("| | "))
    assert [cell.strip() for cell in header.strip("| ").split("|")] == list(KINDS)


def test_the_example_of_an_expected_result_accepts_what_is_right_and_nothing_else():
    (code,) = re.findall(r"<!-- example -->\n```python\n(.*?)```", AUTHORING, re.DOTALL)
    names = {}
    exec(compile(code, "authoring.md", "exec"), names)
    rng, eps = np.random.default_rng(1), 1e-3
    for count in (3, 40, 1000):
        x = rng.standard_normal((20, count)).astype(np.float32)
        expected = names["expect_scaled_mean"](x, eps)
        right = x.mean(axis=1) / np.sqrt((x * x).mean(axis=1) + np.float32(eps))
        worst = np.max(np.abs(right - expected.value) / bound(expected))
        assert worst < 0.25
        low = x.astype(np.float16).astype(np.float32)
        for wrong in (
            x.mean(axis=1) / np.sqrt((x * x).mean(axis=1)),
            low.mean(axis=1) / np.sqrt((low * low).mean(axis=1) + np.float32(eps)),
        ):
            with pytest.raises(AssertionError):
                assert_matches(actual=wrong, expected=expected)


@pytest.mark.parametrize("path", sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/*.md")))
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        if not target.startswith(("http:", "https:")):
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize(
    "target", ["setup", "demo", "test", "coverage", "fuzz", "lint", "format", "bench"]
)
def test_each_command_for_developers_exists(target):
    assert re.search(rf"^{target}:.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_each_attack_is_in_the_page_with_what_came_of_it():
    rows = re.findall(r"^\| (\d+) \| `([\w/]+)` \| (.*)$", HOSTILE, re.MULTILINE)
    assert [(int(number), name) for number, name, _ in rows] == [
        (attack.number, attack.name) for attack in load_corpus()
    ]
    assert not [name for _, name, rest in rows if "NOT HELD" in rest]


def test_each_difference_between_sandboxes_is_in_the_page():
    for attack in load_corpus():
        if why := attack.expected["bubblewrap"].why:
            assert f"- `{attack.name}`: {why}." in HOSTILE
