"""Every write of volunteering, by subject."""
