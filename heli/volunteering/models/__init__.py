"""Tables of volunteering, by subject: people, activities, enrolments."""

from heli.volunteering.models.activities import Activity, Condition, Field, Role, RoleSkill, Series, Shift, Slot
from heli.volunteering.models.enrolments import Enrolment, Scan
from heli.volunteering.models.kind import Evaluation, Objection, Pairing, Remark, Reminder, Telling, Thanks
from heli.volunteering.models.outbox import Mapping, Outgoing, Parcel, SharedEntry, Sharing
from heli.volunteering.models.people import (
    Identity,
    Joining,
    Level,
    Limit,
    Proof,
    ProofKind,
    Skill,
    SkillKind,
    Team,
    Volunteer,
)
from heli.volunteering.models.rosters import Roster

__all__ = [
    "Activity", "Condition", "Enrolment", "Evaluation", "Field", "Identity", "Joining", "Level", "Limit", "Mapping", "Objection",
    "Outgoing", "Pairing", "Parcel", "Proof", "ProofKind", "Remark", "Reminder", "Role", "RoleSkill", "Roster", "Scan", "Series",
    "SharedEntry", "Sharing", "Shift", "Skill", "SkillKind", "Slot", "Team", "Telling", "Thanks", "Volunteer",
]  # fmt: skip
