"""Heli for machines: every step and work list that people have as pages, at /api/v1, with tokens, keys against doing
a thing twice, and the same error codes."""
