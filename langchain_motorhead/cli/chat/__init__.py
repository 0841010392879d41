"""The command `chat`: its options, the conversation, and what is typed at a terminal."""
