"""What a user holds: `Handle`, the core of `Motorhead`, with its sessions and users."""
