"""Organisations of every kind, their members, and grants: who may do what, for whom, where, until when."""
