"""The life of a session: append, load, catch up, compact, list and delete, as flows and operations."""
