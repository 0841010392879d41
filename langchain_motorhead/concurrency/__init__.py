"""Threads and event loops: limits, queues and shared clients. Knows nothing of memory."""
