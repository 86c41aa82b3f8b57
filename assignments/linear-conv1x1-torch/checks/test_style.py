from layers_of import conv, set_parameters

from grader.checking import assert_matches, check


@check(group="style", points=10)
def test_own_work(student, reference, style, rng):
    """The layers are your own work: nothing of torch.nn, no functional form, no autograd."""
    style.judge()
    cases = [(student.Linear(3, 2), reference.linear_case(rng, (4, 3), 2))]
    cases += [(conv(student, (5,), 3, 2), reference.conv_case(rng, 4, (5,), 3, 2))]
    for layer, case in cases:  # nothing at all is nobody's work
        set_parameters(layer, case)
        assert_matches(actual=layer.forward(case.x), expected=case.output)
