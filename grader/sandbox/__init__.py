"""Where student code runs. Nothing in here knows what a check, a point or a score is."""
