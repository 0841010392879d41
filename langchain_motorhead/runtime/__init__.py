"""When and where work is done: driver, engine, retry queue, and how they are built from options."""
