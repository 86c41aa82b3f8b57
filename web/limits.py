"""How often a minute a person or an address may do something; counted in this process's memory."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import g, request
from limits import RateLimitItemPerMinute
from werkzeug.exceptions import TooManyRequests

from web.services import services
from web.settings import Settings

_View = TypeVar("_View", bound=Callable[..., Any])


def limited(most: Callable[[Settings], int], whose: Callable[[], str]) -> Callable[[_View], _View]:
    """Let a view run so often a minute; after that it answers 429.

    Args:
        most: How often, by the settings.
        whose: Whose requests are counted together.
    """

    def wrap(view: _View) -> _View:
        @functools.wraps(view)
        def counted(*args: Any, **kwargs: Any) -> Any:
            made = services()
            limit = RateLimitItemPerMinute(most(made.settings))
            if not made.limiter.hit(limit, request.endpoint or "", whose()):
                raise TooManyRequests
            return view(*args, **kwargs)

        return cast("_View", counted)

    return wrap


def person() -> str:
    """Who makes the request; its address where nobody is signed in."""
    user = g.get("user")
    return address() if user is None else f"user {user.id}"


def address() -> str:
    """Where the request comes from."""
    return request.remote_addr or "127.0.0.1"


limit_sign_ins = limited(lambda settings: settings.sign_ins_per_minute, address)
limit_uploads = limited(lambda settings: settings.uploads_per_minute, person)
