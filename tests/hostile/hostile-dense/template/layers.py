"""A dense layer."""


class Dense:
    """y = x @ kernel + bias."""
