"""The life of a tip as data. Only supervisors (HANDLE_TIPS, in the area) take any of these arrows."""

from __future__ import annotations

from heli.core.caps import Cap
from heli.core.states import Lifecycle, arrow

OPEN = ("received", "looking", "passed_on")
ENDED = ("genuine", "unproven", "closed")
UNDECIDED = ("received", "looking")  # the clock of the first look runs

TIP = Lifecycle(
    "tip",
    arrow("look", "received", "looking", Cap.HANDLE_TIPS),
    arrow("pass_on", "received looking", "passed_on", Cap.HANDLE_TIPS, papers="to number"),
    arrow("find_genuine", "received looking passed_on", "genuine", Cap.HANDLE_TIPS, papers="answer"),
    arrow("find_unproven", "received looking passed_on", "unproven", Cap.HANDLE_TIPS, papers="answer"),
    arrow("close", "passed_on", "closed", Cap.HANDLE_TIPS, papers="answer"),
    arrow("reopen", "genuine unproven closed", "looking", Cap.HANDLE_TIPS, papers="reason"),
)
