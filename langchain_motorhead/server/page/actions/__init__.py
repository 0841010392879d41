"""What can be done from the page."""
