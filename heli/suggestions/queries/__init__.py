"""Every read of suggestions, by page."""
