"""Learning: from the messages of a session to verified operations on facts."""
