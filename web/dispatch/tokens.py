"""What a runner shows for a job: a signed token that stands for one turn of one attempt."""

from dataclasses import dataclass

from itsdangerous import BadData, URLSafeTimedSerializer

_SALT = "job"


class TokenRefused(Exception):
    """A token is not one of this service, or too old."""


@dataclass(frozen=True)
class Turn:
    """An attempt, as it was given to a runner once.

    Attributes:
        attempt_id: Which.
        holder: Names this turn of it: a later one has another.
    """

    attempt_id: int
    holder: str


class JobTokens:
    """Makes and reads them.

    Args:
        key: The service's.
        max_age_s: They are good for so long.
    """

    def __init__(self, key: str, max_age_s: int) -> None:
        self._signer = URLSafeTimedSerializer(key, salt=_SALT)
        self._max_age_s = max_age_s

    def make(self, turn: Turn) -> str:
        """A token."""
        return str(self._signer.dumps([turn.attempt_id, turn.holder]))

    def read(self, token: str) -> Turn:
        """What it stands for. Raises TokenRefused."""
        try:
            attempt_id, holder = self._signer.loads(token, max_age=self._max_age_s)
        except (BadData, ValueError, TypeError) as error:
            raise TokenRefused("This is no token of this service, or it is too old.") from error
        return Turn(int(attempt_id), str(holder))
