"""Scores, and what is done about them."""
