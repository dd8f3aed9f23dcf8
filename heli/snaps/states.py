"""What becomes of the thanks for a snap, as data. The snap itself goes round the loop like any request (loop/states.py)."""

from __future__ import annotations

from heli.core.caps import Cap, Scope
from heli.core.states import Lifecycle, arrow

THANKS = Lifecycle(
    "thanks",
    arrow("thank", "waiting", "given", scope=Scope.SYSTEM),  # it proved true, and nothing speaks against it
    arrow("cap", "waiting", "capped", scope=Scope.SYSTEM),  # the points of that day were given already
    arrow("hold", "waiting", "held", scope=Scope.SYSTEM),  # something looks farmed: a person decides
    arrow("leave", "waiting", "none", scope=Scope.SYSTEM),  # not verified, not the first, or nobody to thank
    arrow("give", "held refused", "given", Cap.SUPERVISE, papers="reason"),
    arrow("refuse", "held given", "refused", Cap.SUPERVISE, papers="reason"),  # after "given" the points go back
)
