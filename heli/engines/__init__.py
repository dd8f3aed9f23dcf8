"""Pure Python that any room may use: no Django, no database, no clock of its own, nothing read from disk at run time.

Each module works and is tested alone. Engines import nobody; the rooms import them.
"""
