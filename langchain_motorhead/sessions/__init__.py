"""The life of one session: append, load, catch up, compact, list and delete."""
