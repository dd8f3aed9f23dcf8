"""The rulebook: every deadline, limit and formula as a dated, cited row that an area can have its own version of.

Nothing here knows what a rule is for. Other rooms ask `queries.in_force` and freeze the version they acted by; a row is
never edited, only followed by a new version. The working calendar lives here too, because a year's holidays are also
published rules.
"""
