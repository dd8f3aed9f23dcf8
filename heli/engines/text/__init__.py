"""Read a message: what it is about, where, whether it was said before, whether a reply answers it, what in it is private.

Pure: no Django, no database, no network, no weights from elsewhere; what is learned is learned from the texts given.
"""
