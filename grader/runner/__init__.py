"""A process that grades one submission after another for somebody who waits outside."""
