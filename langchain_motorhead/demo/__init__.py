"""The demo: replays real dialogues as concurrent sessions, and accounts for every message."""
