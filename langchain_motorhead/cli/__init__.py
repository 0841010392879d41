"""The commands of the command line, but for `demo` and `serve`: a module for each group."""
