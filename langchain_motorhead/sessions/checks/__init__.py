"""Checks of a model's answer: did it end, does it refuse, and does it keep what was said."""
