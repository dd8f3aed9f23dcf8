"""Insight: figures over all rooms, and the standing problems they show. Nobody imports it but the web and the API.

Every number is counted from the same sets that the lists show (loop.rates) and opens its rows; what is counted ahead
(refresh.py) can be counted anew to the same numbers.
"""
