"""The archive: messages that left a session's list, compressed, and read again word for word."""
