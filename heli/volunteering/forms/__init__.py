"""What people type, by subject."""
