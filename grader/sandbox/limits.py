"""What one grading may use."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds on one grading, from `[limits]` in assignment.toml.

    Attributes:
        wall_s: Seconds for the whole grading, on the trusted clock.
        load_s: Seconds to import the student's module.
        call_s: Seconds for one call.
        cpus: Processor shares; 1.0 is one core. Also the number of BLAS threads (rounded up).
        memory_mib: Memory of all processes together, scratch files included.
        processes: Processes and threads alive at one time.
        output_kib: Printed output, both streams together.
        scratch_mib: Files.
        reply_mib: Largest reply to one call; more is refused before memory is allocated.
        restarts: How often a grading goes on with the next check in a fresh sandbox
            after the student's process has ended.
    """

    wall_s: float = 120.0
    load_s: float = 10.0
    call_s: float = 10.0
    cpus: float = 1.0
    memory_mib: int = 512
    processes: int = 64
    output_kib: int = 1024
    scratch_mib: int = 32
    reply_mib: int = 64
    restarts: int = 2
