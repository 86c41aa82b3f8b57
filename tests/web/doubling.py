"""A small assignment that is graded in a second, and its verify record."""

from grader import __version__
from grader.assignment import load_assignment
from grader.verifying.record import Record, write_record

FILES = {
    "assignment.toml": """
format = 1
id = "doubling"
version = "1"
title = "Doubling"

[interface]
file = "double.py"

[[interface.exports]]
name = "double"
kind = "function"
signature = "(x)"

[points]
values = 3
""",
    "statement.md": "# Doubling\n\nReturn $2x$.\n",
    "template/double.py": "def double(x):\n    raise NotImplementedError\n",
    "reference/solution.py": "def double(x):\n    return x * 2\n",
    "checks/test_values.py": '''
from grader.checking import assert_matches, check


@check(group="values", points=2)
def test_double(student, reference, rng):
    """Twice each element."""
    x = rng.integers(1, 9, 5).astype(float)
    assert_matches(actual=student.double(x), expected=reference.double(x))


@check(group="values", points=1, visibility="hidden")
def test_negative(student, reference, rng):
    """Twice each negative element."""
    x = -rng.integers(1, 9, 5).astype(float)
    assert_matches(actual=student.double(x), expected=reference.double(x))
''',
    "submissions/accepted/sum/double.py": "def double(x):\n    return x + x\n",
    "submissions/known_wrong/cube/double.py": "def double(x):\n    return x * x * x\n",
    "submissions/known_wrong/cube/expect.toml": (
        'mistake = "It cubes."\nhint = "cubed"\ntext = "Twice is not a power."\n'
        'fails = ["test_values.py::test_double", "test_values.py::test_negative"]\n'
    ),
}
RIGHT = b"def double(x):\n    return 2 * x\n"
WRONG = b"def double(x):\n    return x * x * x\n"


def write_doubling(parent, *, proved=True, **changes):
    """The folder, with a record as `grader verify` writes it; gives its path."""
    folder = parent / "doubling"
    for name, text in {**FILES, **changes}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assignment = load_assignment(folder)
    record = Record(
        assignment_sha256=assignment.sha256,
        grader_version=__version__,
        proved=proved,
        parts={},
        sandbox="process",
        image_digest=None,
        device="cpu",
        seeds=1,
        mutation_score=None,
        survivors=(),
        worst_error_over_bound=None,
        least_error_over_bound=None,
        matrix={},
        findings=(),
        seconds=1.0,
    )
    write_record(record, assignment)
    return folder
