"""The web service: students hand in and learn, instructors run a course."""
