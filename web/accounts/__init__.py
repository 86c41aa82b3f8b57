"""People: accounts, signing in, tokens."""
