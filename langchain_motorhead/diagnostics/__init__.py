"""What `motorhead doctor` finds out."""
