"""When and where work is done: the driver of flows, background maintenance, the retry queue, and their construction."""
