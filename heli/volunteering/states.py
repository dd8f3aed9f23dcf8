"""What happens to volunteers, proofs, activities, shifts and enrolments, as data: docs and the arrow test follow it."""

from __future__ import annotations

from heli.core.caps import Cap, Scope
from heli.core.states import Lifecycle, arrow

UNIT = Scope.OWN_UNIT
LEADER = (Cap.LEAD_TEAM, UNIT)

VOLUNTEER = Lifecycle(
    "volunteer",
    arrow("verify", "registered", "verified", Cap.KEEP_VOLUNTEERS),
    arrow("doubt", "verified", "registered", Cap.KEEP_VOLUNTEERS, papers="reason"),  # the identity was not theirs
    arrow("pause", "registered verified", "paused", Cap.KEEP_VOLUNTEERS, papers="reason"),
    arrow("resume", "paused", "registered", Cap.KEEP_VOLUNTEERS),
    arrow("leave", "registered verified paused", "left", scope=Scope.SELF),
    arrow("return", "left", "registered", scope=Scope.SELF),
)

PROOF = Lifecycle(
    "proof",
    arrow("confirm", "shown", "confirmed", Cap.KEEP_VOLUNTEERS),
    arrow("refuse", "shown", "refused", Cap.KEEP_VOLUNTEERS, papers="reason"),
    arrow("end", "shown confirmed", "ended", Cap.KEEP_VOLUNTEERS, papers="reason"),
    arrow("take_back", "shown confirmed", "ended", scope=Scope.SELF),  # consent is withdrawn as easily as given
)

JOINING = Lifecycle(
    "joining",
    arrow("take", "asked", "taken", Cap.LEAD_TEAM, UNIT),
    arrow("refuse", "asked", "refused", Cap.LEAD_TEAM, UNIT, papers="reason"),
    arrow("withdraw", "asked", "withdrawn", scope=Scope.SELF),
)

ACTIVITY = Lifecycle(
    "activity",
    arrow("submit", "draft", "review", Cap.LEAD_TEAM, UNIT),
    arrow("back", "review", "draft", Cap.REVIEW_ACTIVITIES, papers="reason"),
    arrow("post", "review", "posted", Cap.REVIEW_ACTIVITIES),
    arrow("post_emergency", "draft review", "posted", Cap.LEAD_TEAM, UNIT, also=((Cap.REVIEW_ACTIVITIES, Scope.AREA),)),
    arrow(
        "cancel", "draft review posted", "cancelled", Cap.LEAD_TEAM, UNIT, papers="reason",
        also=((Cap.REVIEW_ACTIVITIES, Scope.AREA),),
    ),
    arrow("end", "posted", "ended", Cap.LEAD_TEAM, UNIT),
)  # fmt: skip

SHIFT = Lifecycle(
    "shift",
    arrow("cancel", "planned", "cancelled", Cap.LEAD_TEAM, UNIT, papers="reason"),
    arrow("close", "planned", "over", Cap.LEAD_TEAM, UNIT),  # who was there is settled; hours go to the ledger
)

# An enrolment. What only the person may do (SELF) is asked of the row besides.
ENROLMENT = Lifecycle(
    "enrolment",
    arrow("admit", "asked", "confirmed", Cap.LEAD_TEAM, UNIT),
    arrow("refuse", "asked waiting", "refused", Cap.LEAD_TEAM, UNIT, papers="reason"),
    arrow("offer", "waiting", "offered", scope=Scope.SYSTEM),
    arrow("draw", "waiting", "confirmed", scope=Scope.SYSTEM),
    arrow("accept", "offered", "confirmed", scope=Scope.SELF, also=(LEADER,)),
    arrow("decline", "offered", "declined", scope=Scope.SELF, also=(LEADER,)),
    arrow("lapse", "offered", "lapsed", scope=Scope.SYSTEM),
    arrow("withdraw", "asked waiting confirmed", "withdrawn", scope=Scope.SELF, also=(LEADER,), papers="reason"),
    arrow(
        "cancel", "asked waiting offered confirmed", "cancelled", scope=Scope.SYSTEM
    ),  # the shift does not take place
    arrow("unmet", "asked waiting offered", "unmet", scope=Scope.SYSTEM),  # it began, and there was no place
    arrow("attend", "confirmed absent", "attended", scope=Scope.SELF, also=(LEADER,)),
    arrow("miss", "confirmed", "absent", Cap.LEAD_TEAM, UNIT, papers="reason"),
)

# What somebody said of a shift is said and stays; where it is about safety, a reviewer looks at it.
REMARK = Lifecycle("remark", arrow("settle", "open", "settled", Cap.REVIEW_ACTIVITIES, papers="found"))

# An older and a younger volunteer side by side in a shift. That both said yes is asked of the row.
PAIRING = Lifecycle(
    "pairing",
    arrow("propose", "wanted", "proposed", Cap.LEAD_TEAM, UNIT),
    arrow("agree", "proposed", "agreed", scope=Scope.SELF),
    arrow("end", "wanted proposed agreed", "ended", scope=Scope.SELF, also=(LEADER,)),
)

# A table of people for a shift.
ROSTER = Lifecycle(
    "roster",
    arrow("finish", "draft", "done", Cap.LEAD_TEAM, UNIT),
    arrow("drop", "draft", "dropped", Cap.LEAD_TEAM, UNIT),
)

# What goes to the national system. `sent` is the word of who uploaded the batch, a receipt that of the other side.
OUTGOING = Lifecycle(
    "outgoing",
    arrow("pack", "waiting", "packed", Cap.KEEP_VOLUNTEERS),
    arrow("unpack", "packed", "waiting", Cap.KEEP_VOLUNTEERS),  # the batch is thrown away
    arrow("send", "packed", "sent", Cap.KEEP_VOLUNTEERS),
    arrow("accept", "packed sent refused", "accepted", Cap.KEEP_VOLUNTEERS, papers="receipt"),
    arrow("refuse", "packed sent", "refused", Cap.KEEP_VOLUNTEERS, papers="words"),
    arrow("again", "refused dropped", "waiting", Cap.KEEP_VOLUNTEERS),  # dropped: consent was given again
    arrow("drop", "waiting packed refused", "dropped", scope=Scope.SELF),  # consent ended, or it was taken back unsent
)

LIFECYCLES = (VOLUNTEER, PROOF, JOINING, ACTIVITY, SHIFT, ENROLMENT, REMARK, PAIRING, ROSTER, OUTGOING)

HOLDING = ("asked", "offered", "confirmed", "attended")  # a place is theirs, or kept for them
LIVE = (*HOLDING, "waiting", "absent")  # once a person and shift
