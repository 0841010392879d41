"""The command line: every command of `motorhead`, with a module for each group."""
