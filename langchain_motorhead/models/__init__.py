"""Calls of a user's model: limited in time, isolated from the user's run, batched, and redacted."""
