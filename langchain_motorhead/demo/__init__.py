"""The demo: real dialogues replayed as concurrent sessions, with the balance of their messages."""
