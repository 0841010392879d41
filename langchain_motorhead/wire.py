"""What both ends of the REST wire know: the header by which our server is told from the original. No more."""

from __future__ import annotations

WIRE = "X-Motorhead-Wire"
"""Header of every answer of our server, which keeps more of a message than role and content, and knows users."""
