"""Flows: generators that yield operations and model requests, and receive their results. Pure."""
