"""Facts about users: what they are, how they are learned from sessions and verified, read, corrected and erased."""
