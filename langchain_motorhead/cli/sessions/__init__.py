"""The commands `sessions`."""
