"""Versions as components write them, and whether a fix is in them."""

import pytest

from grader.doctor.escapes import ESCAPES
from grader.doctor.versions import has_fix, parse_version

RUNC = ("1.2.8", "1.3.3", "1.4.0-rc.3")


@pytest.mark.parametrize(
    ("text", "release", "suffix"),
    [
        ("1.1.12", (1, 1, 12), ""),
        ("v1.7.27", (1, 7, 27), ""),
        ("1.20", (1, 20, 0), ""),
        ("v1.2.5-0-g59923ef", (1, 2, 5), ""),
        ("19.03.15-ce", (19, 3, 15), ""),
        ("1.1.5+ds1-1+deb12u1", (1, 1, 5), "+ds1-1+deb12u1"),
        ("1.6.20~ds1-1+deb12u3", (1, 6, 20), "~ds1-1+deb12u3"),
        ("1.1.12-0ubuntu2~22.04.1", (1, 1, 12), "-0ubuntu2~22.04.1"),
        ("6.1.0-42-amd64", (6, 1, 0), "-42-amd64"),
        ("5.14.0-611.49.2.el9_7.x86_64", (5, 14, 0), "-611.49.2.el9_7.x86_64"),
    ],
)
def test_a_distributions_suffix_is_told_from_a_projects_own(text, release, suffix):
    version = parse_version(text)
    assert (version.release, version.suffix) == (release, suffix)
    assert str(parse_version(str(version))) == str(version)


@pytest.mark.parametrize("text", ["", "unknown", "dev", "library-import", "a1b2c3"])
def test_what_is_no_version_is_none(text):
    assert parse_version(text) is None


@pytest.mark.parametrize("text", ["1.4.0-rc.3", "1.4.0-rc3", "1.4.0~rc3"])
def test_a_release_candidate_comes_before_its_release(text):
    assert parse_version("1.4.0-rc.2") < parse_version(text) < parse_version("1.4.0")


@pytest.mark.parametrize(
    "text", ["1.2.8", "1.2.9", "1.3.3", "1.3.10", "1.4.0-rc.3", "1.4.0", "1.5.2", "2.0.0"]
)
def test_a_version_from_the_fix_on_in_its_branch_or_of_a_later_branch_is_fixed(text):
    assert has_fix(parse_version(text), RUNC)


@pytest.mark.parametrize("text", ["1.1.12", "1.2.7", "1.3.0", "1.3.2", "1.4.0-rc.2", "1.0.0-rc95"])
def test_a_version_before_the_fix_or_of_a_branch_without_one_is_not(text):
    assert not has_fix(parse_version(text), RUNC)


@pytest.mark.parametrize("escape", ESCAPES, ids=lambda escape: escape.name)
def test_the_table_of_escapes_agrees_with_itself(escape):
    fixes = [parse_version(text) for text in escape.fixed_in]
    assert fixes == sorted(fixes)
    assert len({fix.release[:2] for fix in fixes}) == len(fixes)
    assert all(has_fix(fix, escape.fixed_in) for fix in fixes)
    assert escape.since == "" or parse_version(escape.since) < fixes[0]
    assert escape.what.endswith(".")
    assert all(each.startswith("CVE-") for each in escape.ids)
    assert sum(other.name == escape.name for other in ESCAPES) == 1
