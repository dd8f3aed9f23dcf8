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
    arrow("reverse", "approved", "attended", Cap.RECORD_HOURS, UNIT, papers="reason", also=REVIEWER),
    # the enrolment ended, or began anew
    arrow("drop", "planned attended", "dropped", scope=Scope.SELF, papers="reason", also=RECORDER),
    arrow("again", "dropped", "planned", scope=Scope.SELF, also=RECORDER),
)

LIFECYCLES = (SERVICE,)

TO_RECORD = ("planned", "attended")  # waits for the recorder
