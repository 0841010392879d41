"""What a message is: its text, tokens, ids, tool calls and stored bytes. Pure: no I/O."""
