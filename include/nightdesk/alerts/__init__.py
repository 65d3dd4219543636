"""What the desk tells people: the report of a session."""
