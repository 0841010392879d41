"""What a handle works with: Redis itself, or a server over HTTP."""
