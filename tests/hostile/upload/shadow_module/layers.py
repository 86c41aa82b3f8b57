from wrong import Dense  # noqa: F401
