"""All models, so that the tables know each other."""

from web.accounts.models import ApiToken, Invitation, SignIn, User
from web.courses.models import (
    Act,
    Course,
    CourseAssignment,
    Enrolment,
    Extension,
    Version,
)
from web.database import Base
from web.gradebook.models import Regrade, ScoreDecision, Standing
from web.grading.models import Attempt, CheckOutcome, Result, ResultConflict, Tally
from web.submissions.models import Choice, Submission

__all__ = [
    "Act",
    "ApiToken",
    "Attempt",
    "Base",
    "CheckOutcome",
    "Choice",
    "Course",
    "CourseAssignment",
    "Enrolment",
    "Extension",
    "Invitation",
    "Regrade",
    "Result",
    "ResultConflict",
    "ScoreDecision",
    "SignIn",
    "Standing",
    "Submission",
    "Tally",
    "User",
    "Version",
]
