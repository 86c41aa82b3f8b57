"""Proving an assignment sound: fifteen properties, one module each."""
