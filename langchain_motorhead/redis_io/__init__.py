"""Everything that talks to Redis: connections, execution, and the translation of errors."""
