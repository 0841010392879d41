"""Compaction: which messages leave the window, and how they become part of the summary."""
