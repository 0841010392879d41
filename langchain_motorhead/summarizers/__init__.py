"""Runnables that merge messages into a summary, with a model or without one."""
