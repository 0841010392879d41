"""Indexing: from messages to the documents, vectors and index of a namespace."""
