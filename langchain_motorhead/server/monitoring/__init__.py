"""Monitoring of the server: metrics, and traces of requests."""
