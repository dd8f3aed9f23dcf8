"""Hours of service: an append-only account of who gave how much time, and a public log that proves it was not changed.

A service is one person's one shift at one source (an enrolment). What was planned, checked in, claimed and approved are
entries kept apart; a correction is a new entry that supersedes. The database refuses what cannot be; rules refuse or hold
what should not be (limits.py). Each entry is a leaf of a Merkle tree (engines/merkle.py) whose signed heads are published.

The room knows nothing of activities: it points at its source by (source_type, source_id).
"""
