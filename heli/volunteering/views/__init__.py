"""Pages of volunteering, by subject."""
