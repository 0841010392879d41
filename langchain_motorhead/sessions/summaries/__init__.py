"""The stored summary of a session: its versions, its origin, and how it is replaced or made again."""
