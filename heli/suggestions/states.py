"""The lifecycles of suggestions as data: the tables of docs/doors.md and the arrow test are made from these.

How a suggestion is *answered* is the loop's own lifecycle (loop/states.py REQUEST): here is only what is beside it.
"""

from __future__ import annotations

from heli.core.caps import Cap, Scope
from heli.core.states import Lifecycle, arrow

KEEP, UNIT = Cap.KEEP_SUGGESTIONS, Scope.OWN_UNIT

# A call for suggestions.
CALL = Lifecycle(
    "call",
    arrow("open", "draft", "open", KEEP),
    arrow("close", "open", "closed", KEEP),
    arrow("end", "open", "closed", scope=Scope.SYSTEM),  # its last day is over
    arrow("sum_up", "closed", "summed", KEEP, papers="summary"),
)

# Whether everybody may read a suggestion. Nothing is deleted: what is not public is told why to whoever suggested it.
SUGGESTION = Lifecycle(
    "suggestion",
    arrow("publish", "reading private", "public", KEEP),
    arrow("keep_private", "reading public", "private", KEEP, papers="reason"),
    arrow("correct", "reading public private", "reading", scope=Scope.LINK),  # read again before it is public again
)

# What the suggester adds once the text stands fast.
ADDENDUM = Lifecycle(
    "addendum",
    arrow("publish", "reading", "public", KEEP),
    arrow("keep_private", "reading public", "private", KEEP, papers="reason"),
)

# What a unit said it would do, followed to its end. `unit` is the one responsible.
MEASURE = Lifecycle(
    "measure",
    arrow("finish", "planned", "done", Cap.HANDLE_REQUESTS, UNIT, papers="text"),
    arrow("give_up", "planned", "given_up", Cap.HANDLE_REQUESTS, UNIT, papers="text"),
    arrow("confirm", "done", "confirmed", KEEP),
    arrow("let_go", "given_up", "dropped", KEEP),
    arrow("send_back", "done given_up", "planned", KEEP, papers="text"),
)

LIFECYCLES = (CALL, SUGGESTION, ADDENDUM, MEASURE)
OPEN_MEASURES = ("planned", "done", "given_up")  # somebody has something to do
