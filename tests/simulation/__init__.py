"""A deterministic simulation of flows that work beside each other, and what has to hold in it."""
