"""What both sides say of a shift afterwards, who serves side by side, and what a volunteer wants to be told.

Nothing here is summed by person: a remark is of a shift, an evaluation is of the service in a shift, never of somebody.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.scope import PathField, within
from heli.volunteering.models.activities import Shift, seen_by
from heli.volunteering.models.enrolments import Enrolment
from heli.volunteering.models.people import Volunteer

WORDS = 300


class Felt(models.TextChoices):
    """How a shift was, for who served in it."""

    GOOD = "good", pgettext_lazy("shift was", "good")
    FAIR = "fair", pgettext_lazy("shift was", "so so")
    POOR = "poor", pgettext_lazy("shift was", "not good")


class Quality(models.TextChoices):
    """How a service was rendered (志愿服务记录与证明出具办法 art. 10). Three plain words, no number."""

    WELL = "well", pgettext_lazy("service", "went well")
    AGREED = "agreed", pgettext_lazy("service", "as agreed")
    HARD = "hard", pgettext_lazy("service", "with difficulties")


class RemarkQuerySet(models.QuerySet["Remark"]):
    def visible_to(self, actor: Actor) -> Self:
        """One's own; for reviewers of the area what is a matter to look at. Organisers read no rows: `queries.kind.felt`
        tells them what several said."""
        if actor.system:
            return self
        see = Q(enrolment__volunteer__user=actor.user_id) if actor.user_id is not None else Q(pk__in=[])
        if paths := actor.paths(Cap.REVIEW_ACTIVITIES):
            own = Q(activity__leader=actor.user_id) | Q(activity__made_by=actor.user_id)  # organisers, too, there
            see |= within("area_path", paths) & ~Q(state="said") & ~own
        return self.filter(see)


class Remark(models.Model):
    """How it was, said once by who was there. `state`: said; or open → settled where it is about somebody's safety."""

    enrolment = models.OneToOneField(Enrolment, primary_key=True, on_delete=models.PROTECT, related_name="remark")
    activity = models.ForeignKey("volunteering.Activity", on_delete=models.PROTECT, related_name="+", db_index=False)
    area_path = PathField()
    felt = models.CharField(max_length=4, choices=Felt.choices)
    words = models.CharField(max_length=WORDS, default="")
    state = models.CharField(max_length=8, default="said")
    said_at = models.DateTimeField()
    found = models.CharField(max_length=WORDS, default="")  # what was found, and done; the volunteer reads it
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    settled_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = RemarkQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(felt__in=Felt.values), name="remark_felt_known"),
            models.CheckConstraint(condition=Q(state__in=("said", "open", "settled")), name="remark_state_known"),
            models.CheckConstraint(condition=~Q(state="open") | ~Q(words=""), name="remark_concern_says_what"),
            models.CheckConstraint(
                condition=~Q(state="settled") | ~Q(found="") & Q(settled_by__isnull=False, settled_at__isnull=False),
                name="remark_settled_whole",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["activity", "enrolment"], name="remark_of"),
            models.Index(fields=["said_at", "enrolment"], name="remark_open", condition=Q(state="open")),
        ]
        triggers: ClassVar[list[Any]] = [
            pgtrigger.ReadOnly(name="as_said", fields=["enrolment", "activity", "felt", "words", "said_at"])
        ]

    def __str__(self) -> str:
        return f"{self.enrolment_id} {self.state}"


class OfPlace(models.QuerySet[Any]):
    def visible_to(self, actor: Actor) -> Self:
        """One's own, and for organisers and reviewers those of their activities."""
        if actor.system:
            return self
        see = seen_by(actor, "enrolment__org", "enrolment__area_path")
        if actor.user_id is not None:
            see |= Q(enrolment__volunteer__user=actor.user_id)
        return self.filter(see)


class Thanks(models.Model):
    """A leader's thanks to one volunteer, who alone reads it beside the leaders. Said once, never changed."""

    append_only: ClassVar[bool] = True

    enrolment = models.OneToOneField(Enrolment, primary_key=True, on_delete=models.PROTECT, related_name="thanks")
    words = models.CharField(max_length=WORDS)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField()

    objects: ClassVar[Any] = OfPlace.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [models.CheckConstraint(condition=~Q(words=""), name="thanks_say_something")]

    def __str__(self) -> str:
        return str(self.enrolment_id)


class EvaluationQuerySet(models.QuerySet["Evaluation"]):
    def visible_to(self, actor: Actor) -> Self:
        """Who served in the shift, its organisers and reviewers."""
        if actor.system:
            return self
        see = seen_by(actor, "shift__activity__org", "shift__activity__area_path")
        if actor.user_id is not None:
            served = Enrolment.objects.filter(volunteer__user=actor.user_id, state="attended")
            see |= Q(shift__in=served.values("shift"))
        return self.filter(see)


class Evaluation(models.Model):
    """How the service in a shift was rendered, and on which day that was said (art. 10): of the service, not of a person,
    so that nothing can be added up about anybody. Said once, never changed."""

    append_only: ClassVar[bool] = True

    shift = models.OneToOneField(Shift, primary_key=True, on_delete=models.PROTECT, related_name="evaluation")
    quality = models.CharField(max_length=6, choices=Quality.choices)
    words = models.CharField(max_length=WORDS, default="")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField()

    objects: ClassVar[Any] = EvaluationQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(quality__in=Quality.values), name="evaluation_known"),
            models.CheckConstraint(condition=~Q(quality="hard") | ~Q(words=""), name="evaluation_hard_why"),
        ]

    def __str__(self) -> str:
        return f"{self.shift_id} {self.quality}"


class Objection(models.Model):
    """What somebody who served says to the evaluation of their shift: once, and it stands beside it."""

    append_only: ClassVar[bool] = True

    enrolment = models.OneToOneField(Enrolment, primary_key=True, on_delete=models.PROTECT, related_name="objection")
    words = models.CharField(max_length=WORDS)
    at = models.DateTimeField()

    objects: ClassVar[Any] = OfPlace.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=~Q(words=""), name="objection_says_something")
        ]

    def __str__(self) -> str:
        return str(self.enrolment_id)


# Side by side ---------------------------------------------------------------------------------------------------------
PAIR = ("wanted", "proposed", "agreed")  # states in which a pairing lives


class PairingQuerySet(models.QuerySet["Pairing"]):
    def visible_to(self, actor: Actor) -> Self:
        """The two of them; organisers and reviewers of the activity."""
        if actor.system:
            return self
        see = seen_by(actor, "org", "area_path")
        if actor.user_id is not None:
            see |= Q(elder__user=actor.user_id) | Q(younger__user=actor.user_id)
        return self.filter(see)

    def live(self) -> Self:
        return self.filter(state__in=PAIR)


class Pairing(models.Model):
    """An older volunteer and a younger one side by side in one shift. Both say yes; it ends with the shift."""

    shift = models.ForeignKey(Shift, on_delete=models.PROTECT, related_name="pairings", db_index=False)
    org = models.ForeignKey("orgs.Organisation", on_delete=models.PROTECT, related_name="+", db_index=False)
    area_path = PathField()
    elder = models.ForeignKey(Volunteer, on_delete=models.PROTECT, related_name="+")
    younger = models.ForeignKey(Volunteer, null=True, on_delete=models.PROTECT, related_name="+")
    elder_yes = models.BooleanField(default=False)
    younger_yes = models.BooleanField(default=False)
    state = models.CharField(max_length=8)
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = PairingQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["shift", "elder"], name="pairing_elder_once", condition=Q(state__in=PAIR)),
            models.UniqueConstraint(
                fields=["shift", "younger"], name="pairing_younger_once", condition=Q(state__in=PAIR)
            ),
            models.CheckConstraint(condition=Q(state__in=(*PAIR, "ended")), name="pairing_state_known"),
            models.CheckConstraint(condition=Q(younger=None) | ~Q(younger=F("elder")), name="pairing_of_two"),
            models.CheckConstraint(
                condition=~Q(state="agreed") | Q(younger__isnull=False, elder_yes=True, younger_yes=True),
                name="pairing_both_said_yes",
            ),
            models.CheckConstraint(condition=~Q(state="proposed") | Q(younger__isnull=False), name="pairing_with_whom"),
        ]
        triggers: ClassVar[list[Any]] = [
            pgtrigger.ReadOnly(name="as_asked", fields=["shift", "elder", "org", "made_at"])
        ]

    def __str__(self) -> str:
        return f"{self.shift_id} {self.state}"

    @property
    def unit_id(self) -> int:
        """What capability checks read."""
        return self.org_id


# What is told ---------------------------------------------------------------------------------------------------------
class OfVolunteer(models.QuerySet[Any]):
    def visible_to(self, actor: Actor) -> Self:
        if actor.system:
            return self
        return self.filter(volunteer__user=actor.user_id) if actor.user_id is not None else self.none()


class Telling(models.Model):
    """What somebody wants to be told by text message. Without a row: reminders yes, the weekly message no."""

    volunteer = models.OneToOneField(Volunteer, primary_key=True, on_delete=models.PROTECT, related_name="telling")
    remind = models.BooleanField(default=True)
    weekly = models.BooleanField(default=False)
    week = models.DateField(null=True)  # Monday of the last week that was told, or looked at with nothing to tell
    changed_at = models.DateTimeField()

    objects: ClassVar[Any] = OfVolunteer.as_manager()

    class Meta:
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["volunteer"], name="telling_weekly", condition=Q(weekly=True))
        ]

    def __str__(self) -> str:
        return str(self.volunteer_id)


class Reminder(models.Model):
    """One reminder of one place at one time of the shift, so many hours before. Written when it falls due, `done_at` when
    the message was taken; killed between the two it is sent again under the same key, and the gateway drops it."""

    enrolment = models.ForeignKey(Enrolment, on_delete=models.PROTECT, related_name="reminders", db_index=False)
    hours = models.PositiveSmallIntegerField()
    starts = models.DateTimeField()  # of the shift then: moved, it is another reminder
    made_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    call = models.BooleanField(default=False)  # a land line or no number: somebody has to call them

    objects: ClassVar[Any] = OfPlace.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["enrolment", "hours", "starts"], name="reminder_once")
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["starts", "id"], name="reminder_due", condition=Q(done_at=None))
        ]

    def __str__(self) -> str:
        return f"{self.enrolment_id} −{self.hours} h"
