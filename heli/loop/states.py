"""The lifecycles of the loop as data: docs/loop.md and the arrow test are made from these tables."""

from __future__ import annotations

from heli.core.caps import Cap, Scope
from heli.core.states import Lifecycle, arrow

UNIT = Scope.OWN_UNIT

# A request. `unit` is its lead unit, so OWN_UNIT asks for a grant of the lead.
REQUEST = Lifecycle(
    "request",
    arrow("dispatch", "heard", "dispatched", Cap.DISPATCH),
    arrow("decline", "heard", "declined", Cap.DISPATCH, papers="reason legal_basis route"),
    arrow("accept", "dispatched", "handling", Cap.HANDLE_REQUESTS, UNIT),
    arrow("back", "dispatched handling", "heard", Cap.DISPATCH),
    arrow("take_back", "dispatched", "heard", Cap.DISPATCH),
    arrow("redirect", "dispatched handling", "dispatched", Cap.DISPATCH, papers="reason"),
    arrow("take_on", "heard", "handling", Cap.HANDLE_REQUESTS, UNIT),  # a wish its first hearer keeps
    arrow("force", "heard dispatched handling", "handling", Cap.APPOINT_LEAD, papers="decision"),
    arrow("reply", "handling", "replied", Cap.HANDLE_REQUESTS, UNIT, also=((Cap.APPROVE_REPLY, UNIT),)),
    arrow(
        "close", "replied lapsed", "closed", scope=Scope.LINK, also=((Cap.REVISIT, Scope.AREA), (Cap.HEAR, Scope.AREA))
    ),
    arrow(
        "redo", "replied lapsed", "handling", scope=Scope.LINK, also=((Cap.REVISIT, Scope.AREA), (Cap.HEAR, Scope.AREA))
    ),
    arrow(
        "appeal",
        "replied lapsed",
        "appealed",
        scope=Scope.LINK,
        also=((Cap.REVISIT, Scope.AREA), (Cap.HEAR, Scope.AREA)),
    ),
    arrow("lapse", "replied", "lapsed", scope=Scope.SYSTEM),
    arrow("settle", "replied", "closed", scope=Scope.SYSTEM),
    arrow("redo_decided", "appealed", "handling", Cap.SUPERVISE, papers="decision"),
    arrow("dispatch_decided", "appealed", "heard", Cap.SUPERVISE, papers="decision"),  # nobody had it: it was split
    arrow("close_decided", "appealed", "closed", Cap.SUPERVISE, papers="decision"),
    arrow("merge", "heard dispatched", "merged", Cap.DISPATCH),
    arrow("unmerge", "merged", "heard", Cap.DISPATCH, papers="reason"),
    arrow("split", "heard", "split", Cap.DISPATCH),
    arrow("join", "split", "replied", scope=Scope.SYSTEM),
    arrow("withdraw", "heard dispatched handling", "withdrawn", scope=Scope.LINK, also=((Cap.HEAR, Scope.AREA),)),
)

# A dispatch to one unit, lead or assist.
DISPATCH = Lifecycle(
    "dispatch",
    arrow("accept", "offered", "accepted", Cap.HANDLE_REQUESTS, UNIT),
    arrow(
        "ask_return",
        "offered accepted",
        "returning",
        Cap.HANDLE_REQUESTS,
        UNIT,
        papers="reason_code reason legal_basis",
    ),
    arrow("uphold", "returning", "returned", Cap.DISPATCH),
    arrow("reject_offer", "returning", "offered", Cap.DISPATCH, papers="reason"),
    arrow("reject_accepted", "returning", "accepted", Cap.DISPATCH, papers="reason"),
    arrow("withdraw", "offered accepted returning", "withdrawn", Cap.DISPATCH, also=((Cap.APPOINT_LEAD, Scope.AREA),)),
    arrow("finish", "accepted", "done", Cap.HANDLE_REQUESTS, UNIT, also=((Cap.APPROVE_REPLY, UNIT),)),
)

# One way of handling; the first kind is the unit's reply.
HANDLING = Lifecycle(
    "handling",
    arrow("submit", "draft", "in_review", Cap.HANDLE_REQUESTS, UNIT),
    arrow("correct", "in_review", "draft", Cap.APPROVE_REPLY, UNIT, papers="reason"),
    arrow("send", "draft in_review", "sent", Cap.HANDLE_REQUESTS, UNIT, also=((Cap.APPROVE_REPLY, UNIT),)),
)

# More time, or a stopped clock: asked by the unit, decided by a supervisor, seen by the resident.
EXTENSION = Lifecycle(
    "extension",
    arrow("approve", "asked", "approved", Cap.SUPERVISE),
    arrow("refuse", "asked", "refused", Cap.SUPERVISE, papers="reason"),
)

# Leaving a request out of the rates: proposed with evidence, confirmed by a second person, counted in public.
EXCLUSION = Lifecycle(
    "exclusion",
    arrow("confirm", "proposed", "confirmed", Cap.EXCLUDE),
    arrow("refuse", "proposed", "refused", Cap.EXCLUDE, papers="reason"),
    arrow("lift", "confirmed", "lifted", Cap.EXCLUDE, papers="reason"),
)

# A supervisor's order (督办单), and each unit's part in it.
ORDER = Lifecycle(
    "order",
    arrow("close", "open", "closed", Cap.SUPERVISE, papers="decision"),
    arrow("withdraw", "open", "withdrawn", Cap.SUPERVISE, papers="reason"),
)
ORDER_PART = Lifecycle(
    "order_part",
    arrow("acknowledge", "issued", "acknowledged", Cap.HANDLE_REQUESTS, UNIT, also=((Cap.APPROVE_REPLY, UNIT),)),
    arrow(
        "report",
        "issued acknowledged sent_back",
        "reported",
        Cap.HANDLE_REQUESTS,
        UNIT,
        also=((Cap.APPROVE_REPLY, UNIT),),
    ),
    arrow("accept", "reported", "accepted", Cap.SUPERVISE),
    arrow("send_back", "reported", "sent_back", Cap.SUPERVISE, papers="reason"),
    arrow("withdraw", "issued acknowledged reported sent_back", "withdrawn", Cap.SUPERVISE),
)

# A second listen: another caller asks the same once more.
RECHECK = Lifecycle(
    "recheck",
    arrow("same", "waiting", "same", Cap.REVISIT),
    arrow("differs", "waiting", "differs", Cap.REVISIT),
    arrow("unreached", "waiting", "unreached", Cap.REVISIT),
)

LIFECYCLES = (REQUEST, DISPATCH, HANDLING, EXTENSION, EXCLUSION, ORDER, ORDER_PART, RECHECK)

OPEN = ("heard", "dispatched", "handling", "appealed", "split")  # somebody on our side has something to do
WITH_UNIT = ("dispatched", "handling")
AFTER_REPLY = ("replied", "closed", "lapsed", "appealed")
STATIONS = {  # where a state stands on the line 诉(0) 转(1) 办(2) 评(3); 4 is round
    "heard": 1,
    "dispatched": 1,
    "split": 2,
    "handling": 2,
    "replied": 3,
    "appealed": 3,
    "lapsed": 3,
    "closed": 4,
    "declined": 1,
    "merged": 1,
    "withdrawn": 0,
}
