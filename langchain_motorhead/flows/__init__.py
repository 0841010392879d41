"""Flows: generators that yield Redis operations and model requests, and receive their results. Pure."""
