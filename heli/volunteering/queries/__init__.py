"""Every read of volunteering, by subject."""
