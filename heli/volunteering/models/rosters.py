"""A table of a shift's people that somebody lays down, to enrol who stands in it."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.laid import ENDED, LaidTable
from heli.volunteering.models.activities import Shift


class RosterQuerySet(models.QuerySet["Roster"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those of the organisations whose activities the actor leads."""
        return self if actor.system else self.filter(org__in=actor.org_ids(Cap.LEAD_TEAM))


class Roster(LaidTable):
    """One table. `results`, once it was taken: [line, volunteer number, role, outcome, code, words] of each row."""

    BOUND, TURN = "roster", 7_106

    org = models.ForeignKey("orgs.Organisation", on_delete=models.PROTECT, related_name="+", db_index=False)
    shift = models.ForeignKey(Shift, on_delete=models.PROTECT, related_name="rosters")
    taken = models.PositiveIntegerField(default=0)
    results = models.JSONField(default=list)

    objects: ClassVar[Any] = RosterQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(state__in=ENDED) ^ Q(ended_at=None), name="roster_ended"),
            models.CheckConstraint(condition=~Q(state__in=ENDED) | Q(content=""), name="roster_forgets"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["made_at"], name="roster_waiting", condition=Q(state="draft")),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def unit_id(self) -> int:
        """What capability checks read."""
        return self.org_id
