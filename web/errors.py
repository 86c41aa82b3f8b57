"""What a request can fail with. Messages are for whoever made it."""


class RequestRefused(Exception):
    """Base: the request was understood, and is not done; the message says why and what to do."""

    status = 400
    title = "That is not possible"


class NotFound(RequestRefused):
    """There is no such thing, or it is not theirs to see: which of the two is not told."""

    status = 404
    title = "Not found"


class Forbidden(RequestRefused):
    """They may see that it exists, and may not do this."""

    status = 403
    title = "Not allowed"


class Conflict(RequestRefused):
    """The state of things does not allow it now."""

    status = 409
    title = "Not now"


class Invalid(RequestRefused):
    """A value is not acceptable.

    Args:
        message: What to change.
        errors: The same by `field` and `message`, for programs.
    """

    status = 422
    title = "Please check what you entered"

    def __init__(self, message: str, errors: tuple[dict[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.errors = errors


class TooMany(RequestRefused):
    """A limit is reached."""

    status = 429
    title = "Too many"
