"""Webhooks: what leaves, to whom, in what order, and what cannot be made of it."""
