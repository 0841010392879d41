"""Searching: from a query to ranked messages."""
