"""Insight: figures over all rooms. It reads, owns no tables, and nobody imports it but the web.

Every number is counted when it is asked for, from the same sets that the lists show (loop.rates), and opens its rows.
"""
