"""Pages of suggestions: what everybody reads, the keeper's desk, the unit's answers and measures."""
