"""Ways of spoiling a good assignment, each found under the right code."""

import pytest

from grader.verifying.properties import PROPERTIES

pytestmark = pytest.mark.docker

LAYERS = "template/layers.py"
SOLUTION = "reference/solution.py"
WRONG = "submissions/known_wrong/no_shift"
FORWARD = "checks/test_forward.py"
GRADIENTS = "checks/test_gradients.py"
INTERFACE = "checks/test_interface.py"
FORWARD_LINE = (
    "    assert_matches(actual=layer.forward(x), expected=reference.output(x, gamma, beta))\n"
)

SABOTAGE = {}


def sabotage(part, code):
    """Register a way of spoiling a folder, and under which code which part must find it."""

    def register(function):
        SABOTAGE[function.__name__] = (function, part, code)
        return function

    return register


# Files, statement and marks


@sabotage("well-formed", "V01-unknown-name")
def a_misspelt_folder(folder):
    (folder.path / "submissions" / "accepted").rename(folder.path / "submissions" / "acepted")


@sabotage("well-formed", "V01-invalid")
def an_unknown_key(folder):
    folder.replace("assignment.toml", "wall_s = 60", "wall_seconds = 60")


@sabotage("well-formed", "V01-invalid")
def a_name_that_is_not_the_folders(folder):
    folder.replace("assignment.toml", 'id = "scale-shift"', 'id = "scale"')


@sabotage("well-formed", "V01-not-text")
def a_statement_in_another_encoding(folder):
    folder.write("statement.md", folder.read("statement.md").encode() + b"\xe9\n")


@sabotage("well-formed", "V01-line-ends")
def line_ends_of_another_system(folder):
    folder.write(LAYERS, folder.read(LAYERS).replace("\n", "\r\n"))


@sabotage("well-formed", "V01-link")
def a_link_out_of_the_folder(folder):
    (folder.path / "checks" / "passwd.py").symlink_to("/etc/passwd")


@sabotage("well-formed", "V01-too-large")
def a_huge_picture(folder):
    folder.write("picture.png", bytes(5 << 20))


@sabotage("well-formed", "V01-expectation")
def a_known_mistake_without_a_hint(folder):
    folder.replace(f"{WRONG}/expect.toml", 'hint = "no-shift"\n', "")


@sabotage("statement", "V02-export-missing")
def a_statement_that_does_not_name_the_class(folder):
    folder.write("statement.md", folder.read("statement.md").replace("Scale", "Layer"))


@sabotage("statement", "V02-group-missing")
def a_statement_that_does_not_name_a_group(folder):
    text = folder.read("statement.md")
    folder.write("statement.md", text.replace("gradients", "slopes"))


@sabotage("statement", "V02-unknown-group")
def a_statement_with_points_for_nothing(folder):
    line = "| `forward` | 2 | the output is right |\n"
    folder.replace("statement.md", line, f"{line}| `style` | 3 | it is beautiful |\n")


@sabotage("statement", "V02-html")
def a_statement_with_a_script(folder):
    folder.write("statement.md", folder.read("statement.md") + "\n<script>alert(1)</script>\n")


@sabotage("statement", "V02-image")
def a_statement_with_a_remote_image(folder):
    folder.write(
        "statement.md", folder.read("statement.md") + "\n![seen](https://example.org/a.png)\n"
    )


@sabotage("statement", "V02-link")
def a_statement_that_links_to_the_solution(folder):
    folder.write("statement.md", folder.read("statement.md") + "\n[it](reference/solution.py)\n")


@sabotage("marks", "V15-points")
def points_that_do_not_add_up(folder):
    folder.replace("assignment.toml", "forward = 2", "forward = 3")


@sabotage("marks", "V15-title")
def a_check_without_a_sentence(folder):
    folder.replace(INTERFACE, "a beta of zeros.", "a beta of zeros")


@sabotage("marks", "V15-needs")
def groups_that_need_each_other(folder):
    folder.replace(FORWARD, "points=2)", 'points=2, needs=["gradients"])')
    folder.replace(GRADIENTS, "points=2)", 'points=2, needs=["forward"])')


@sabotage("marks", "V15-hidden")
def a_hidden_check_that_nobody_is_told_of(folder):
    folder.replace(INTERFACE, "points=1)", 'points=1, visibility="hidden")')


# The template


@sabotage("template", "V03-template-earns")
def a_template_that_is_solved(folder):
    folder.write(LAYERS, folder.read(SOLUTION))


@sabotage("template", "V03-template-earns")
def a_template_that_earns_a_little(folder):
    folder.replace(
        LAYERS,
        '        raise NotImplementedError("Make gamma and beta.")',
        "        import numpy as np\n"
        "        self.gamma = np.ones(features, np.float32)\n"
        "        self.beta = np.zeros(features, np.float32)",
    )


@sabotage("template", "V03-template-does-not-load")
def a_template_with_a_syntax_error(folder):
    folder.write(LAYERS, folder.read(LAYERS) + "\ndef (:\n")


@sabotage("template", "V03-template-breaks")
def a_template_that_lacks_the_class(folder):
    folder.write(LAYERS, '"""Nothing yet."""\n')


# The reference and other right solutions


@sabotage("reference", "V04-reference-loses")
def a_reference_that_is_wrong_on_sizes_that_differ(folder):
    folder.replace(
        SOLUTION,
        "        return x * self.gamma + self.beta",
        "        shift = self.beta if x.shape[0] == x.shape[1] else 0\n"
        "        return x * self.gamma + shift",
    )


@sabotage("reference", "V04-reference-loses")
def a_check_that_asks_for_what_is_not_right(folder):
    folder.replace("reference/oracle.py", "+ beta[None, :]", "- beta[None, :]")


@sabotage("accepted", "V05-accepted-loses")
def a_check_that_rejects_another_order_of_rounding(folder):
    folder.replace(
        FORWARD,
        FORWARD_LINE,
        "    from grader.checking import Expected\n"
        "    x, gamma, beta = (rng.normal(size=s.shape).astype('f4') for s in (x, gamma, beta))\n"
        "    layer.gamma, layer.beta = gamma, beta\n"
        "    assert_matches(actual=layer.forward(x), expected=Expected.exact(x * gamma + beta))\n",
    )
    folder.replace(
        "submissions/accepted/loops/layers.py",
        "self.beta[i] + self.gamma[i] * x[:, i]",
        "self.beta[i] + self.gamma[i].astype(float) * x[:, i]",
    )


@sabotage("accepted", "V05-too-alike")
def accepted_submissions_that_are_the_reference(folder):
    folder.write("submissions/accepted/loops/layers.py", folder.read(SOLUTION))


# Known mistakes


@sabotage("wrong", "V06-not-caught")
def a_known_mistake_that_passes(folder):
    folder.write(f"{WRONG}/layers.py", folder.read(SOLUTION))


@sabotage("wrong", "V06-fails-more")
def a_known_mistake_that_fails_more_than_it_says(folder):
    folder.replace(f"{WRONG}/expect.toml", ', "test_gradients.py::test_backward"', "")


@sabotage("wrong", "V06-unknown-check")
def an_expectation_that_names_no_check(folder):
    folder.replace(f"{WRONG}/expect.toml", "test_forward.py::test_forward", "test_forward.py::test")


@sabotage("wrong", "V06-check-breaks")
def a_check_that_computes_with_what_it_did_not_test(folder):
    folder.replace(f"{WRONG}/layers.py", "return x * self.gamma", "return None")
    folder.replace(FORWARD, FORWARD_LINE, "    y = layer.forward(x) - beta\n" + FORWARD_LINE)


@sabotage("wrong", "V06-not-caught")
def a_flat_tolerance_that_hides_low_precision(folder):
    folder.replace(
        FORWARD,
        FORWARD_LINE,
        "    import numpy as np\n"
        "    wanted = reference.output(x, gamma, beta).value\n"
        "    assert np.allclose(layer.forward(x), wanted, rtol=1e-2)\n",
    )
    half = "submissions/known_wrong/half"
    source = folder.read(SOLUTION).replace(
        "x * self.gamma + self.beta", "(x * self.gamma + self.beta) * x.dtype.type(1.001)"
    )
    folder.write(f"{half}/layers.py", source)
    folder.write(
        f"{half}/expect.toml",
        'mistake = "Is a little off"\nfails = ["test_forward.py::test_forward"]\n'
        'hint = "off"\ntext = "Your output is off by a thousandth."\n',
    )


# Hints


def _second(folder, source, *, hint="other", text="Is it something else?", mistake="Other"):
    other = "submissions/known_wrong/other"
    folder.write(f"{other}/layers.py", source)
    expectation = folder.read(f"{WRONG}/expect.toml").splitlines()
    lines = [line for line in expectation if line.startswith("fails")]
    lines += [f'mistake = "{mistake}"', f'hint = "{hint}"', f'text = "{text}"']
    folder.write(f"{other}/expect.toml", "\n".join(lines) + "\n")


@sabotage("hints", "V07-same-outputs")
def two_known_mistakes_with_the_same_outputs(folder):
    _second(folder, folder.read(f"{WRONG}/layers.py").replace("x * self.gamma", "self.gamma * x"))


@sabotage("hints", "V07-same-hint")
def two_known_mistakes_with_one_hint(folder):
    source = folder.read(f"{WRONG}/layers.py").replace("x * self.gamma", "x * self.gamma - 1")
    _second(folder, source, hint="no-shift")


@sabotage("hints", "V07-solution-in-hint")
def a_hint_that_holds_the_solution(folder):
    folder.replace(
        f"{WRONG}/expect.toml", "Where does beta come in?", "Return x * self.gamma + self.beta."
    )


@sabotage("hints", "V07-no-hint")
def a_check_that_hides_what_it_compares(folder):
    for name in (FORWARD, GRADIENTS):
        text = folder.read(name).replace("assert_matches(", "_same(student, ")
        text = text.replace(
            "from grader.checking import assert_matches, ", "from grader.checking import "
        )
        folder.write(
            name,
            text + "\n\ndef _same(student, *, actual, expected, name=''):\n"
            "    assert (actual == expected.value).all(), f'{id(student)} {actual}'\n",
        )


@sabotage("hints", "V07-false-hint")
def a_right_solution_that_a_known_mistake_explains(folder):
    folder.write("submissions/accepted/wrong/layers.py", folder.read(f"{WRONG}/layers.py"))


# What checks are worth


@sabotage("worth", "V08-never-fails")
def a_check_that_cannot_fail(folder):
    folder.write(
        "checks/test_more.py",
        'from grader.checking import check\n\n\n@check(group="forward", points=1)\n'
        'def test_nothing(student):\n    """Something is there."""\n    assert True\n',
    )
    folder.replace("assignment.toml", "forward = 2", "forward = 3")


@sabotage("mutation", "V09-score")
def checks_that_look_at_zeros_alone(folder):
    for name in (FORWARD, GRADIENTS):
        text = folder.read(name)
        folder.write(name, text.replace("whole_numbers(rng, ", "0 * whole_numbers(rng, "))


@sabotage("mutation", "V09-excuse-without-mutant")
def an_excuse_for_no_mutant(folder):
    _excuse(folder, "gone@1:0", "It gives the same numbers.")


@sabotage("mutation", "V09-excuse-without-reason")
def an_excuse_without_a_reason(folder):
    _excuse(folder, "gone@1:0", "Because.")


def _excuse(folder, mutant, reason):
    text = folder.read("assignment.toml")
    excuse = f'\n[[verify.equivalent]]\nmutant = "{mutant}"\nreason = "{reason}"\n'
    folder.write("assignment.toml", text + excuse)


# Repeatability


@sabotage("repeatable", "V10-run")
def a_check_that_draws_from_the_global_generator(folder):
    folder.replace(
        FORWARD,
        FORWARD_LINE,
        "    import numpy as np\n"
        "    x = np.random.default_rng().normal(size=x.shape).astype(np.float32)\n"
        "    from grader.checking.recorder import record\n"
        "    record('largest', float(x.max()))\n"
        "    import grader.checking as checking\n"
        "    expected = checking.Expected(\n"
        "        value=x.astype(float) * gamma + beta, terms=2,\n"
        "        magnitude=abs(x * gamma) + abs(beta), spread=abs(x * gamma) + abs(beta),\n"
        "        dtype=x.dtype)\n"
        "    assert_matches(actual=layer.forward(x), expected=expected)\n",
    )


@sabotage("repeatable", "V10-seed")
def a_verdict_that_is_luck(folder):
    folder.replace(FORWARD, 'always=[{"batch": 3, "features": 4}], ', "")
    folder.replace(FORWARD, "examples=10", "examples=1")
    folder.replace(FORWARD, FORWARD_LINE, f"    if rng.random() < 0.5:\n    {FORWARD_LINE}")


@sabotage("repeatable", "V10-order")
def checks_that_rely_on_their_order(folder):
    folder.write("checks/shared.py", "SEEN = []\n")
    for name in (FORWARD, GRADIENTS):
        folder.write(name, "import shared\n" + folder.read(name))
    folder.replace(GRADIENTS, "    x, dy =", "    shared.SEEN.append(1)\n    x, dy =")
    folder.replace(FORWARD, FORWARD_LINE, f"    if not shared.SEEN:\n    {FORWARD_LINE}")


# Room


@sabotage("tolerance", "V11-no-room")
def a_bound_that_forgets_most_of_the_roundings(folder):
    _real_numbers(folder, magnitude="abs(x * gamma) + abs(beta)", factor="0.04")


@sabotage("tolerance", "V11-too-lax")
def a_bound_that_is_far_too_wide(folder):
    _real_numbers(folder, magnitude="abs(x * gamma) + abs(beta) + 1", factor="3e5")


def _real_numbers(folder, *, magnitude, factor):
    folder.replace(
        FORWARD,
        FORWARD_LINE,
        "    import numpy as np\n"
        "    from grader.checking import Expected\n"
        "    x, gamma, beta = (rng.normal(size=s.shape).astype('f4') for s in (x, gamma, beta))\n"
        "    layer.gamma, layer.beta = gamma, beta\n"
        f"    size = {factor} * ({magnitude})\n"
        "    value = x.astype(float) * gamma + beta\n"
        "    expected = Expected(value=value, terms=2, magnitude=size, spread=size,\n"
        "                        dtype=x.dtype)\n"
        "    assert_matches(actual=layer.forward(x), expected=expected)\n",
    )


@sabotage("timing", "V12-too-long")
def checks_that_take_most_of_the_time_there_is(folder):
    folder.replace(
        "assignment.toml", "wall_s = 60\ncall_s = 5", "wall_s = 1\ncall_s = 1\nload_s = 1"
    )
    folder.replace(FORWARD, "    x = whole", "    import time\n    time.sleep(0.2)\n    x = whole")


# Hostile code, leaks and marks


@sabotage("hostile", "V13-earned")
def a_check_that_anything_passes_that_raises(folder):
    folder.write(
        "checks/test_more.py",
        'from grader.checking import check, student_raises\n\n\n@check(group="forward", points=1)\n'
        'def test_refuses(student):\n    """No features are refused."""\n'
        '    with student_raises("no features"):\n        student.Scale(-1)\n',
    )
    folder.replace("assignment.toml", "forward = 2", "forward = 3")


@sabotage("hostile", "V13-fault")
def a_check_that_breaks_on_what_it_gets(folder):
    folder.replace(
        FORWARD, FORWARD_LINE, "    y = layer.forward(x).reshape(batch, features)\n" + FORWARD_LINE
    )


@sabotage("leaks", "V14-leak")
def a_bundle_that_holds_the_solution(folder):
    folder.write("template/old/solution.py", folder.read(SOLUTION))


@sabotage("leaks", "V14-leak")
def a_statement_that_holds_the_solution(folder):
    statement = folder.read("statement.md")
    folder.write("statement.md", f"{statement}\n    self.d_gamma = (self._x * dy).sum(axis=0)\n")


def test_there_are_many_ways_and_every_property_has_one():
    assert len(SABOTAGE) >= 40
    assert {code[:3] for _, _, code in SABOTAGE.values()} == {each.code for each in PROPERTIES}


@pytest.mark.parametrize("name", SABOTAGE)
def test_sabotage_is_found_under_its_code(name, folder, find):
    spoil, part, code = SABOTAGE[name]
    spoil(folder)
    assert code in find(folder, part, workers=2 if part == "hostile" else 0).codes


def test_the_folder_that_is_spoiled_is_sound(folder, find):
    found = find(folder, workers=2)
    assert found.codes == []
    assert found.verification.record.proved
