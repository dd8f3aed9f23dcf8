"""The life of a standing problem (每月一题, 挂账) as data. Time closes nothing: a person reports, another decides."""

from __future__ import annotations

from heli.core.caps import Cap, Scope
from heli.core.states import Lifecycle, arrow

OWNER = ((Cap.HANDLE_REQUESTS, Scope.OWN_UNIT),)  # officers of the unit that owns the problem
LIVE = ("named", "planned", "working", "review", "relapsed")  # somebody has it in hand
OVER = ("closed", "given_up")

PROBLEM = Lifecycle(
    "problem",
    arrow("name", "new", "named", Cap.SUPERVISE),
    arrow("plan", "named planned relapsed", "planned", Cap.SUPERVISE, also=OWNER, papers="plan"),
    arrow("begin", "planned", "working", Cap.SUPERVISE, also=OWNER),
    arrow("report", "working", "review", Cap.HANDLE_REQUESTS, Scope.OWN_UNIT, papers="report"),
    arrow("close", "review", "closed", Cap.SUPERVISE, papers="decision"),
    arrow("go_on", "review", "working", Cap.SUPERVISE, papers="reason"),
    arrow("relapse", "closed", "relapsed", Cap.SUPERVISE),  # the nightly count, by its own rule
    arrow("give_up", "named planned working review relapsed", "given_up", Cap.SUPERVISE, papers="reason"),
)
