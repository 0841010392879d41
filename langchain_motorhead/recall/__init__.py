"""Recall, the semantic memory: documents, indexing, search and ranking."""
