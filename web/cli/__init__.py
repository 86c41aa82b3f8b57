"""The web service's commands. Nothing imports them."""
