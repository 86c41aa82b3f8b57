"""Onebyone: grade neural-network layers written from scratch."""

__version__ = "0.1.0"
