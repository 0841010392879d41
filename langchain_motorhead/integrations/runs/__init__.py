"""One run of an agent or a graph: what it loads, finds and stores."""
