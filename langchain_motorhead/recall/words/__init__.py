"""Words, as the search by words sees them: in all scripts and languages. Pure."""
