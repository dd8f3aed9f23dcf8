"""Tables of volunteering, by subject: people, activities, enrolments."""

from heli.volunteering.models.activities import Activity, Condition, Field, Role, RoleSkill, Series, Shift, Slot
from heli.volunteering.models.enrolments import Enrolment, Scan
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

__all__ = [
    "Activity", "Condition", "Enrolment", "Field", "Identity", "Joining", "Level", "Limit", "Proof", "ProofKind", "Role",
    "RoleSkill", "Scan", "Series", "Shift", "Skill", "SkillKind", "Slot", "Team", "Volunteer",
]  # fmt: skip
