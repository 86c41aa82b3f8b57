"""The checks of the assignment that is cheated on run in gradings, not by themselves."""

collect_ignore = ["speed-hostile"]
