"""A runner on a machine of its own: it takes jobs from a broker, grades them, and reports.

It has no database and no other student's work, and may publish nothing but reports.
"""
