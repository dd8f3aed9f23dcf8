"""The lifecycles of a wish and of a pledge, as data: docs/doors.md and the arrow test follow these tables."""

from __future__ import annotations

from heli.core.caps import Cap, Scope
from heli.core.states import Lifecycle, arrow

UNIT = Scope.OWN_UNIT
LINK = ((Cap.POST_WISHES, UNIT),)

# A wish. `unit` is the unit whose worker looked in at the home.
WISH = Lifecycle(
    "wish",
    arrow("publish", "checked withdrawn", "open", Cap.POST_WISHES, UNIT, papers="consent"),
    arrow("fill", "open", "pledged", scope=Scope.SYSTEM),  # the last missing part was promised
    arrow("rise", "pledged", "open", scope=Scope.SYSTEM),  # a promise fell away
    arrow("extend", "open expired", "open", Cap.POST_WISHES, UNIT, papers="reason"),
    arrow("settle", "open expired", "pledged", Cap.POST_WISHES, UNIT, papers="reason"),  # what is promised is enough
    arrow("deliver", "pledged", "delivered", scope=Scope.SYSTEM),  # all arrived: the resident is asked
    arrow("fulfil", "delivered", "fulfilled", scope=Scope.SYSTEM),  # as the resident judged
    # judged "no": round once more; or taken for another kind by mistake, and turned back
    arrow("again", "delivered closed turned", "checked", scope=Scope.SYSTEM),
    arrow("end", "delivered", "closed", scope=Scope.SYSTEM, papers="reason"),  # judged "no" to the end
    arrow("expire", "open", "expired", scope=Scope.SYSTEM),
    arrow("withdraw", "checked open pledged expired", "withdrawn", scope=Scope.LINK, also=LINK, papers="reason"),
    arrow("turn", "checked open pledged expired withdrawn", "turned", Cap.POST_WISHES, UNIT, papers="reason"),
    arrow("close", "checked open pledged expired withdrawn", "closed", Cap.POST_WISHES, UNIT, papers="reason"),
)

# A pledge. `unit` is the wish's unit; what only its giver may do (SELF) is asked of the row besides.
PLEDGE = Lifecycle(
    "pledge",
    arrow("deliver", "promised", "delivered", scope=Scope.SELF),
    arrow("missing", "delivered", "promised", scope=Scope.LINK, also=LINK, papers="reason"),
    arrow("receive", "delivered", "received", scope=Scope.LINK, also=LINK, papers="word"),
    arrow("give_up", "promised", "given_up", scope=Scope.SELF, papers="reason"),
    arrow("release", "promised delivered", "released", Cap.POST_WISHES, UNIT, papers="reason"),
)

LIFECYCLES = (WISH, PLEDGE)

SHOWN = ("open", "pledged", "delivered", "fulfilled")  # on the wall
LIVE = ("promised", "delivered", "received")  # pledges that count
