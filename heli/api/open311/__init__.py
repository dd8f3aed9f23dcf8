"""Open311 GeoReport v2 at /open311/v2/: clients that were written for other cities tell requests and ask how they go.

Specification: https://wiki.open311.org/GeoReport_v2/ and https://wiki.open311.org/Service_Discovery/. What of it we read
how, and what the public may see: docs/open311.md.
"""
