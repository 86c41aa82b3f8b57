"""Gradings by runners on other machines: orders go to a broker, and reports come back from it."""
