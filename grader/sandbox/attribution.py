"""What ended a sandbox: decided from trusted evidence only, and said in a student's words."""

from grader.sandbox.base import Evidence
from grader.sandbox.failures import Failure
from grader.sandbox.limits import Limits


def attribute(reason: Failure | None, evidence: Evidence) -> Failure:
    """What ended the student's process.

    Args:
        reason: Ours, where we ended it (a deadline, a cap, a violation); None where it went away
            by itself.
        evidence: What kernel and engine say. An exit code proves nothing: student code chooses it.
    """
    if reason in (None, Failure.TIME_LIMIT) and evidence.process_limit_hit:
        return Failure.PROCESS_LIMIT
    if reason is not None:
        return reason
    return Failure.MEMORY_LIMIT if evidence.out_of_memory else Failure.EXITED


def explain(
    failure: Failure, limits: Limits, doing: str, *, exit_code: int | None, detail: str
) -> str:
    """One or two sentences for the student.

    Args:
        failure: What happened.
        limits: That were in force.
        doing: What the student's code was asked for: a method's name, "importing layers.py".
        exit_code: Of the process, where it ended by itself; None if it still runs.
        detail: What was wrong with the answer, of a protocol violation.
    """
    during = f"(during: {doing})"
    match failure:
        case Failure.TIME_LIMIT:
            seconds = limits.load_s if doing.startswith("importing") else limits.call_s
            return f"Your code did not finish within {seconds:g} s {during}."
        case Failure.MEMORY_LIMIT:
            return f"Your code used more than {limits.memory_mib} MiB of memory {during}."
        case Failure.PROCESS_LIMIT:
            return f"Your code started more than {limits.processes} processes or threads {during}."
        case Failure.OUTPUT_LIMIT:
            return f"Your code printed more than {limits.output_kib} KiB {during}."
        case Failure.PROTOCOL_VIOLATION:
            return f"What came back is not an answer to what was asked: {detail} {during}."
        case _:
            how = "ended the Python process" if exit_code is not None else "cut the connection"
            code = f", with exit code {exit_code}" if exit_code is not None else ""
            return f"Your code {how} instead of answering{code} {during}."
