"""The three kinds of bad news, one type each; none is ever turned into another.

* the student's to mend: `SubmissionRefused`
* the author's to mend: `AssignmentInvalid` and its children
* ours to mend: `InfrastructureFault` and its children; never a grade, always worth another try

What student code does while it is being graded is not an error of the grader: see
`grader.sandbox.failures`.
"""


class OnebyoneError(Exception):
    """Base of all errors whose message may be shown: it says what happened and what to do next."""


class SubmissionRefused(OnebyoneError):
    """The submission cannot be graded as it is; the message says what to change."""


class AssignmentInvalid(OnebyoneError):
    """The assignment folder is not sound; the message names the file and the remedy."""


class CheckBroken(AssignmentInvalid):
    """A check failed by a fault of its own, not by the student's."""


class UndeclaredExport(CheckBroken):
    """A check used a name that `[interface]` in assignment.toml does not declare."""


class InfrastructureFault(OnebyoneError):
    """Something of ours broke (engine, image, machine). The submission is kept and tried again."""


class SandboxUnavailable(InfrastructureFault):
    """This sandbox cannot be used on this machine; the message says what it lacks."""


class GraderUnwell(InfrastructureFault):
    """Known submissions do not come out as they should: nobody is graded until they do."""


class MachineUnfit(InfrastructureFault):
    """This machine is not fit to run strangers' code; the message says why, and what to do."""


class MachineBusy(InfrastructureFault):
    """Other work disturbs this machine so much that no time taken on it means anything."""
