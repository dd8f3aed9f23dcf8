"""Running Heli: what it measures, whether it is ready, its logs, the change of its keys, and how its tables may change.

No tables of its own. It reads every room; no room below imports it.
"""
