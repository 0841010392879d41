"""Prompts: what a model is shown of a session and of a run, in which order, and within which limits. Pure."""
