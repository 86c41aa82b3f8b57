"""What a runner shows for a job: a signed token that stands for one turn of one attempt."""

from dataclasses import astuple, dataclass

from itsdangerous import BadData, URLSafeTimedSerializer

from web.grading.queue import Names, Order

_SALT = "job"


class TokenRefused(Exception):
    """A token is not one of this service, or too old."""


@dataclass(frozen=True)
class Turn:
    """An attempt, as it was given to a runner once.

    Attributes:
        attempt_id: Which.
        holder: Names this turn of it: a later one has another.
        receipt: Of its submission; this and the trace are for the log.
        trace: Of the same.
    """

    attempt_id: int
    holder: str
    receipt: str
    trace: str

    @classmethod
    def of(cls, order: Order) -> "Turn":
        """That of an attempt that was claimed."""
        return cls(order.attempt_id, order.worker, order.receipt, order.trace)

    @property
    def names(self) -> Names:
        """What a line of the log about it says."""
        return Names(attempt=self.attempt_id, submission=self.receipt, trace=self.trace)


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
        return str(self._signer.dumps(astuple(turn)))

    def read(self, token: str) -> Turn:
        """What it stands for. Raises TokenRefused."""
        try:
            return Turn(*self._signer.loads(token, max_age=self._max_age_s))
        except (BadData, ValueError, TypeError) as error:
            raise TokenRefused("This is no token of this service, or it is too old.") from error
