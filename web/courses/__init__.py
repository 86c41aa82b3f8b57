"""Courses, rosters, assignments and their deadlines."""
