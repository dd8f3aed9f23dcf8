"""The lifecycle of a service as data: docs/doors.md and the arrow test follow this table.

`unit` is the organisation that records it (谁组织谁记录). What only the person or a second decider may do is asked of the
row besides (steps.py): nobody decides on their own hours, and a reviewer is not of the recording organisation.
"""

from __future__ import annotations

from heli.core.caps import Cap, Scope
from heli.core.states import Lifecycle, arrow

UNIT = Scope.OWN_UNIT
RECORDER = ((Cap.RECORD_HOURS, UNIT),)
REVIEWER = ((Cap.REVIEW_HOURS, Scope.AREA),)

SERVICE = Lifecycle(
    "service",
    arrow("attend", "planned attended", "attended", scope=Scope.SELF, also=RECORDER),
    arrow("claim", "planned attended", "attended", scope=Scope.SELF, also=RECORDER),
    arrow("approve", "planned attended", "approved", Cap.RECORD_HOURS, UNIT),
    arrow("hold", "planned attended", "held", Cap.RECORD_HOURS, UNIT, papers="reason", also=REVIEWER),
    arrow("refuse", "planned attended", "refused", Cap.RECORD_HOURS, UNIT, papers="reason"),
    # held hours are decided by a second one
    arrow("settle", "held", "approved", Cap.REVIEW_HOURS, papers="reason"),
    arrow("reject", "held", "refused", Cap.REVIEW_HOURS, papers="reason"),
    arrow("release", "held refused", "attended", Cap.REVIEW_HOURS, papers="reason"),
    # what was approved
    arrow("correct", "approved", "approved", Cap.RECORD_HOURS, UNIT, papers="reason"),
    arrow("award", "planned attended held refused approved", "approved", Cap.REVIEW_HOURS, papers="reason"),
    arrow("reverse", "approved", "attended", Cap.RECORD_HOURS, UNIT, papers="reason", also=REVIEWER),
    # the enrolment ended, or began anew
    arrow("drop", "planned attended", "dropped", scope=Scope.SELF, papers="reason", also=RECORDER),
    arrow("again", "dropped", "planned", scope=Scope.SELF, also=RECORDER),
)

# A doubt is decided by somebody of the area who is not of the recording unit (steps ask the row besides).
FLAG = Lifecycle(
    "flag",
    arrow("answer", "open answered", "answered", scope=Scope.SELF, papers="text", also=RECORDER),
    arrow("uphold", "open answered", "upheld", Cap.REVIEW_HOURS, papers="reason"),
    arrow("dismiss", "open answered", "dismissed", Cap.REVIEW_HOURS, papers="reason"),
)

# The unit answers first; who does not accept it is heard by a second one, as is who was not answered in time.
DISPUTE = Lifecycle(
    "dispute",
    arrow("accept", "open", "corrected", Cap.RECORD_HOURS, UNIT, papers="answer"),
    arrow("decline", "open", "declined", Cap.RECORD_HOURS, UNIT, papers="answer"),
    arrow("object", "declined", "second", scope=Scope.SELF, papers="objection"),
    arrow("take", "open", "second", Cap.REVIEW_HOURS),
    arrow("grant", "second", "corrected", Cap.REVIEW_HOURS, papers="answer"),
    arrow("reject", "second", "refused", Cap.REVIEW_HOURS, papers="answer"),
    arrow("withdraw", "open declined second", "withdrawn", scope=Scope.SELF),
)

# Stars are asked for by the person, put out by one of the area, and given by the clock if nothing is said against them.
AWARD = Lifecycle(
    "award",
    arrow("put_out", "proposed", "public", Cap.REVIEW_HOURS),
    arrow("refuse", "proposed public", "refused", Cap.REVIEW_HOURS, papers="reason"),
    arrow("object", "public objected", "objected", scope=Scope.PUBLIC, papers="text"),
    # by somebody else than who put it out
    arrow("dismiss", "objected", "public", Cap.REVIEW_HOURS, papers="reason"),
    arrow("uphold", "objected", "refused", Cap.REVIEW_HOURS, papers="reason"),
    arrow("give", "public", "given", scope=Scope.SYSTEM),
    arrow("withdraw", "proposed public objected", "withdrawn", scope=Scope.SELF),
    # hours were corrected since
    arrow("take_back", "given", "taken", Cap.REVIEW_HOURS, papers="reason"),
)

GIVER = ((Cap.RECORD_HOURS, UNIT), (Cap.PLEDGE, UNIT))
PERK = Lifecycle("perk", arrow("end", "open", "ended", Cap.REVIEW_HOURS, papers="reason", also=GIVER))
TAKEN = Lifecycle("taken", arrow("redeem", "taken", "redeemed", Cap.RECORD_HOURS, UNIT, also=GIVER[1:]))

SPENDING = Lifecycle(
    "spending",
    arrow("agree", "asked", "agreed", Cap.REVIEW_HOURS),
    arrow("refuse", "asked", "refused", Cap.REVIEW_HOURS, papers="reason"),
    arrow("finish", "agreed", "done", Cap.REVIEW_HOURS),
    arrow("give_back", "agreed", "returned", Cap.REVIEW_HOURS, papers="reason"),
    arrow("withdraw", "asked", "withdrawn", scope=Scope.SELF),
)

LIFECYCLES = (SERVICE, FLAG, DISPUTE, AWARD, PERK, TAKEN, SPENDING)

TO_RECORD = ("planned", "attended")  # waits for the recorder
