"""Is this machine fit to run strangers' code? The limits are tried, not read from settings.

It knows `grader.sandbox` and nothing above it. A server calls `grader.doctor.examine.require_fit`
before its runners start; `grader doctor` prints what `examine` finds.
"""
