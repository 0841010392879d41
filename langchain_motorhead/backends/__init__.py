"""Backends of a `Motorhead`: Redis itself, or a server over HTTP."""
