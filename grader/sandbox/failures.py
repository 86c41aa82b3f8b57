"""How student code can fail, and how the trusted side says so."""

from enum import StrEnum


class Failure(StrEnum):
    """What stopped student code. The values are the report's `failure` keys."""

    STUDENT_EXCEPTION = "student_exception"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    PROCESS_LIMIT = "process_limit"
    OUTPUT_LIMIT = "output_limit"
    PROTOCOL_VIOLATION = "protocol_violation"
    EXITED = "exited"


class StudentError(Exception):
    """The student's code raised an exception; the sandbox lives on.

    Attributes:
        class_name: Name of the exception's class, cleaned of control characters.
        text: Message and the student's own stack frames, cleaned. Written by the student's
            side of the line: to be shown as it is, never to be believed.
    """

    def __init__(self, class_name: str, text: str) -> None:
        super().__init__(f"{class_name}: {text}" if text else class_name)
        self.class_name = class_name
        self.text = text


class UnsupportedValue(StudentError):
    """The student's code returned something that is neither an array, a number nor None."""


class SandboxEnded(BaseException):
    """The student's process is gone, and with it every object it held.

    Not an `Exception`: a search for a smaller failing case must not go on after it.
    """

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure
        self.message = message
