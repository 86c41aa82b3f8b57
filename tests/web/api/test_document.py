"""The OpenAPI document says what the service does: drawn requests find no difference."""

import re
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from web.rules import Who, rule_of

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]


def test_the_document_names_every_route_for_programs(app):
    document = app.test_client().get("/api/v1/openapi.json").get_json()
    assert document["openapi"] == "3.1.0"
    named = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
    }
    routes = {
        (method, route.rule)
        for route in app.url_map.iter_rules()
        if route.rule.startswith("/api/") and rule_of(app, route.endpoint).who is not Who.ANYONE
        for method in route.methods - {"HEAD", "OPTIONS"}
    }
    assert len(named) == len(routes)
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["security"][0]["token"][0] in ("submit", "read", "teach")
            assert operation["summary"]
            for status, answer in operation["responses"].items():
                if status >= "400":
                    assert list(answer["content"]) == ["application/problem+json"]


def test_the_page_about_the_interface_explains_every_status(app):
    document = app.test_client().get("/api/v1/openapi.json").get_json()
    said = {
        status
        for operations in document["paths"].values()
        for operation in operations.values()
        for status in operation["responses"]
        if status >= "400"
    }
    page = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
    explained = set(re.findall(r"^\| (\d{3}) \|", page, re.MULTILINE))
    assert explained == said | {"405"}  # that is of methods which the document does not have


@pytest.mark.parametrize("login", ["sam", "ines"])
def test_drawn_requests_are_answered_as_the_document_says(
    app, course, hand_in, finish, token_of, login
):
    graded = hand_in()
    finish(graded, 0, hint="no-bias")
    waiting = hand_in("sam", b"n = 2\n")
    real = {
        "course": [course.slug],
        "assignment": [course.assignment],
        "receipt": [graded.receipt, waiting.receipt],
        "login": ["sam", "tess"],
    }
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    token = token_of(login)
    statuses = set()
    for result in schema.get_all_operations():
        statuses |= try_out(result.ok(), token, real)
    assert {200, 404, 409, 422} <= statuses


def try_out(operation, token, real):
    """Ask for an operation in many ways, right and wrong; which statuses came."""
    seen = set()

    @settings(
        max_examples=16,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(
        case=st.one_of(
            operation.as_strategy(),
            operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
        ),
        data=st.data(),
    )
    def ask(case, data):
        for name, drawn in (case.path_parameters or {}).items():
            if name in real:  # most of the time something that there is
                known = [*real[name] * 3, drawn]
                case.path_parameters[name] = data.draw(st.sampled_from(known))
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}
        response = case.call()
        case.validate_response(response, checks=CHECKS)
        seen.add(response.status_code)

    ask()
    return seen
