"""The queue of gradings, and what works it off."""
