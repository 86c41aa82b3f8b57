"""What a route of the interface takes and gives, said once: it is checked, and it is documented.

APIFlask's own decorators read JSON of any content type, and know one kind of error; here every
answer of a route is in the document as it is sent, so the document can be tested against the
service.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from flask import Flask, Response, request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from web.errors import Invalid

JSON = "application/json"
FORM = "multipart/form-data"
ZIP = "application/zip"
CSV = "text/csv"

_DESCRIPTION = "onebyone_description"
_Model = TypeVar("_Model", bound=BaseModel)
_View = Callable[..., Any]


@dataclass(frozen=True)
class Description:
    """Of a route.

    Attributes:
        summary: What it does.
        answer: What comes back: a model, or the media type of a file.
        status: Of the answer when all went well.
        also: Other statuses of the same answer.
        body: What is read from a JSON body.
        query: What is read from the query.
        uploads: Whether it takes files, and an `Idempotency-Key`.
        refusals: Statuses by which it may refuse, beside those that follow from the rest.
    """

    summary: str
    answer: type[BaseModel] | str
    status: int = 200
    also: tuple[int, ...] = ()
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    uploads: bool = False
    refusals: tuple[int, ...] = ()


def describe(
    summary: str,
    answer: type[BaseModel] | str,
    *,
    status: int = 200,
    also: tuple[int, ...] = (),
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    uploads: bool = False,
    refusals: tuple[int, ...] = (),
) -> Callable[[_View], _View]:
    """Describe a view: it gets `body` and `query` checked, and what it returns becomes JSON.

    See `Description`.
    """
    description = Description(summary, answer, status, also, body, query, uploads, refusals)

    def wrap(view: _View) -> _View:
        @wraps(view)
        def checked(**arguments: Any) -> ResponseReturnValue:
            if query is not None:
                arguments["query"] = _query(query)
            if body is not None:
                arguments["body"] = _body(body)
            if uploads and request.mimetype != FORM:
                raise UnsupportedMediaType(f"Send {FORM}, with the files in `files`.")
            found = view(**arguments)
            return json_answer(found, status) if isinstance(found, BaseModel) else found

        setattr(checked, _DESCRIPTION, description)
        return checked

    return wrap


def description_of(app: Flask, endpoint: str) -> Description | None:
    """A route's description, if it is one for programs."""
    found = getattr(app.view_functions[endpoint], _DESCRIPTION, None)
    return found if isinstance(found, Description) else None


def json_answer(
    model: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A model as the answer."""
    return Response(model.model_dump_json(), status, headers, content_type=JSON)


def file_answer(content: bytes, media_type: str, name: str) -> Response:
    """A file as the answer, to be saved under a name."""
    answer = Response(content, content_type=media_type)
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


def _query(model: type[_Model]) -> _Model:
    given = {
        name: values[0] if len(values) == 1 else values for name, values in request.args.lists()
    }
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise _invalid(error) from None


def _body(model: type[_Model]) -> _Model:
    if request.mimetype != JSON:
        raise UnsupportedMediaType(f"Send {JSON}, and say so in Content-Type.")
    try:
        return model.model_validate_json(request.get_data())
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        if found[0]["type"] == "json_invalid":
            raise BadRequest(f"The body is not JSON: {found[0]['msg'][:200]}.") from None
        raise _invalid(error) from None


def _invalid(error: ValidationError) -> Invalid:
    found = error.errors(include_url=False, include_context=False, include_input=False)[:20]
    errors = tuple(
        {"field": ".".join(map(str, each["loc"]))[:200], "message": each["msg"]} for each in found
    )
    return Invalid("; ".join(f"{e['field']}: {e['message']}" for e in errors)[:500], errors=errors)
