"""The OpenAPI document, made of the routes' rules and descriptions."""

from http import HTTPStatus
from typing import Any

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema
from werkzeug.routing import Rule as Route

from web.accounts.services import SCOPES
from web.api.describing import FORM, JSON, Description, description_of
from web.api.shapes import Problem
from web.rules import Who, rule_of

PROBLEM = "application/problem+json"
_TEMPLATE = "#/components/schemas/{model}"
_HELD = frozenset({Who.MEMBER, Who.STAFF, Who.INSTRUCTOR, Who.OWNER, Who.GRADER})
_ABOUT = (
    "Show a personal token in `Authorization: Bearer ...`; make one on your account's page. "
    "Every route names the scope that it needs. Errors are problem documents (RFC 9457). "
    "Times are UTC."
)
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Any text of yours. The same again gives the first submission again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 80, "pattern": "^[!-~]+$"},
}
_UPLOAD = {
    "type": "object",
    "properties": {
        "files": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "contentMediaType": "application/octet-stream"},
            "description": "One zip, tar or .py file, or all files of a folder.",
        }
    },
    "required": ["files"],
    "additionalProperties": False,
}


def make_document(app: Flask) -> dict[str, Any]:
    """OpenAPI 3.1, of all routes of the application that have a description."""
    routes = [
        (route, description)
        for route in app.url_map.iter_rules()
        if (description := description_of(app, route.endpoint)) is not None
    ]
    names, schemas = _schemas([description for _, description in routes])
    paths: dict[str, dict[str, Any]] = {}
    for route, description in routes:
        operation = _operation(app, route, description, names)
        for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
            paths.setdefault(_path(route), {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "Onebyone", "version": "1", "description": _ABOUT},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": f"A personal token; its scopes are {', '.join(SCOPES)}.",
                }
            },
        },
    }


_Names = dict[tuple[Any, JsonSchemaMode], dict[str, Any]]


def _schemas(descriptions: list[Description]) -> tuple[_Names, dict[str, Any]]:
    wanted: set[tuple[type[BaseModel], JsonSchemaMode]] = {(Problem, "serialization")}
    for each in descriptions:
        if not isinstance(each.answer, str):
            wanted.add((each.answer, "serialization"))
        if each.body is not None:
            wanted.add((each.body, "validation"))
    ordered = sorted(wanted, key=lambda pair: (pair[0].__name__, pair[1]))
    names, definitions = models_json_schema(ordered, ref_template=_TEMPLATE)
    return dict(names), dict(definitions["$defs"])


def _operation(app: Flask, route: Route, description: Description, names: _Names) -> dict[str, Any]:
    rule = rule_of(app, route.endpoint)
    operation: dict[str, Any] = {
        "operationId": route.endpoint.replace(".", "_"),
        "summary": description.summary,
        "responses": _responses(rule.who, route, description, names),
    }
    if parameters := _parameters(route, description):
        operation["parameters"] = parameters
    if rule.who is not Who.ANYONE:
        operation["security"] = [{"token": [rule.scope]}]
        operation["description"] = f"Scope: {rule.scope}. For: {rule.who.value}."
    if description.body is not None:
        schema = names[description.body, "validation"]
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": schema}}}
    elif description.uploads:
        operation["requestBody"] = {"required": True, "content": {FORM: {"schema": _UPLOAD}}}
    return operation


def _responses(
    who: Who, route: Route, description: Description, names: _Names
) -> dict[str, dict[str, Any]]:
    answer: dict[str, Any]
    if isinstance(description.answer, str):
        answer = {description.answer: {}}
    else:
        answer = {JSON: {"schema": names[description.answer, "serialization"]}}
    found = {
        str(status): {"description": HTTPStatus(status).phrase, "content": answer}
        for status in (description.status, *description.also)
    }
    if description.status == HTTPStatus.CREATED:
        location = {"description": "Of what was made.", "schema": {"type": "string"}}
        found["201"] = {**found["201"], "headers": {"Location": location}}
    problem = {PROBLEM: {"schema": names[Problem, "serialization"]}}
    for status in sorted(_refusals(who, route, description)):
        found[str(status)] = {"description": HTTPStatus(status).phrase, "content": problem}
    return found


def _refusals(who: Who, route: Route, description: Description) -> set[int]:
    statuses = {500, 503, *description.refusals}
    if who is not Who.ANYONE:
        statuses |= {401, 403}
    if who in _HELD or route.arguments:
        statuses.add(404)
    if description.query is not None:
        statuses.add(422)
    if description.body is not None:
        statuses |= {400, 413, 415, 422}
    if description.uploads:
        statuses |= {413, 415, 422, 429}
    return statuses


def _path(route: Route) -> str:
    return "".join(f"{{{text}}}" if dynamic else text for dynamic, text in _parts(route))


def _parts(route: Route) -> list[tuple[bool, str]]:
    """Of the address; whether each is an argument's name."""
    return [(dynamic, text) for dynamic, text in route._trace if text != "|"]


def _parameters(route: Route, description: Description) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": _argument(route, name)}
        for dynamic, name in _parts(route)
        if dynamic
    ]
    if description.query is not None:
        schema = description.query.model_json_schema()
        found += [
            {
                "name": name,
                "in": "query",
                "required": name in schema.get("required", []),
                "schema": {key: value for key, value in each.items() if key != "title"},
            }
            for name, each in schema["properties"].items()
        ]
    if description.uploads:
        found.append(_KEY)
    return found


def _argument(route: Route, name: str) -> dict[str, Any]:
    if getattr(route._converters[name], "num_convert", None) is int:
        return {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
    return {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[a-z0-9-]+$"}
