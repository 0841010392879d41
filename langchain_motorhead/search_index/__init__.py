"""What recall and the item store share of the search module."""
