"""Who serves in which shift, who waits, who was there, and what both sides say of it."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import pgtrigger
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import BigIntegerRangeField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.scope import PathField, within
from heli.volunteering.models.activities import Shift, Slot, seen_by
from heli.volunteering.models.people import Volunteer
from heli.volunteering.states import HOLDING, LIVE

# A place is taken when this many hold one. The slot is locked first, so that two who come at once are counted one
# after the other; steps lock person → slot before, so this adds no new order.
FITS = f"""
IF NEW.state NOT IN ({", ".join(f"'{s}'" for s in HOLDING)}) THEN RETURN NULL; END IF;
  IF TG_OP = 'UPDATE' AND OLD.slot_id = NEW.slot_id
     AND OLD.state IN ({", ".join(f"'{s}'" for s in HOLDING)}) THEN RETURN NULL; END IF;
  SELECT most INTO places FROM volunteering_slot WHERE id = NEW.slot_id FOR NO KEY UPDATE;
  SELECT count(*) INTO held FROM volunteering_enrolment
   WHERE slot_id = NEW.slot_id AND state IN ({", ".join(f"'{s}'" for s in HOLDING)});
  IF held > places THEN
    RAISE EXCEPTION 'slot_full' USING ERRCODE = 'check_violation', CONSTRAINT = 'enrolment_fits';
END IF;
RETURN NULL;
"""


class How(models.TextChoices):
    """By which way somebody was enrolled. All of them are the same step."""

    SELF = "self", pgettext_lazy("enrolled", "by themselves")
    PROXY = "proxy", pgettext_lazy("enrolled", "by a worker, at their word")
    TEAM = "team", pgettext_lazy("enrolled", "by the team's leader")
    COORDINATOR = "coordinator", pgettext_lazy("enrolled", "by the organiser")
    IMPORT = "import", pgettext_lazy("enrolled", "from a table")
    SWAP = "swap", pgettext_lazy("enrolled", "instead of somebody")
    WALK_IN = "walk_in", pgettext_lazy("enrolled", "on the spot")


class EnrolmentQuerySet(models.QuerySet["Enrolment"]):
    def visible_to(self, actor: Actor) -> Self:
        """One's own; for who keeps volunteers those of their volunteers; for organisers and reviewers those of their
        activities."""
        if actor.system:
            return self
        see = seen_by(actor, "org", "area_path")
        if actor.user_id is not None:
            see |= Q(volunteer__user=actor.user_id)
        if paths := actor.paths(Cap.KEEP_VOLUNTEERS):
            see |= within("volunteer__area_path", paths)
        return self.filter(see)

    def holding(self) -> Self:
        return self.filter(state__in=HOLDING)


class Enrolment(models.Model):
    """One person and one place in a shift: asked for, waited for, offered, held, served or not."""

    volunteer = models.ForeignKey(Volunteer, on_delete=models.PROTECT, related_name="enrolments")
    shift = models.ForeignKey(Shift, on_delete=models.PROTECT, related_name="enrolments", db_index=False)
    slot = models.ForeignKey(Slot, on_delete=models.PROTECT, related_name="enrolments", db_index=False)
    org = models.ForeignKey("orgs.Organisation", on_delete=models.PROTECT, related_name="+", db_index=False)
    area_path = PathField()  # of the activity, as `org`
    starts = models.DateTimeField()  # of the shift; moved with it
    ends = models.DateTimeField()
    state = models.CharField(max_length=10)
    how = models.CharField(max_length=12, choices=How.choices)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    consent = models.CharField(max_length=200, default="")  # by a worker: how the person said yes
    party = models.UUIDField(null=True)  # those who come together: all of them, or none
    newcomer = models.BooleanField(default=False)  # had not served yet when they asked
    made_at = models.DateTimeField()
    queued_at = models.DateTimeField(null=True)  # since when they wait; the order of the list
    drawn = models.PositiveIntegerField(null=True)  # their place in the draw
    offered_until = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)  # withdrew, refused, let the offer pass
    reason = models.CharField(max_length=200, default="")
    answer = models.CharField(max_length=200, default="")  # what who did not come says to it
    passes_to = models.ForeignKey(
        Volunteer, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )  # whom they ask to come instead
    form_key = models.UUIDField(null=True)

    objects: ClassVar[Any] = EnrolmentQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["volunteer", "shift"], name="enrolment_once", condition=Q(state__in=LIVE)),
            models.UniqueConstraint(
                fields=["volunteer", "form_key"], name="enrolment_form_once", condition=~Q(form_key=None)
            ),
            ExclusionConstraint(  # nobody is in two places at once; back to back is no overlap. No extension is needed.
                name="enrolment_apart",
                expressions=[
                    (
                        Func(
                            F("volunteer_id"),
                            F("volunteer_id"),
                            Value("[]"),
                            function="int8range",
                            output_field=BigIntegerRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                    (
                        Func(F("starts"), F("ends"), function="tstzrange", output_field=DateTimeRangeField()),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=Q(state__in=HOLDING),
            ),
            models.CheckConstraint(condition=Q(ends__gt=F("starts")), name="enrolment_period"),
            models.CheckConstraint(condition=~Q(how="proxy") | ~Q(consent=""), name="enrolment_proxy_consent"),
            models.CheckConstraint(condition=~Q(state="waiting") | Q(queued_at__isnull=False), name="enrolment_waits"),
            models.CheckConstraint(
                condition=~Q(state="offered") | Q(offered_until__isnull=False), name="enrolment_offer_ends"
            ),
            models.CheckConstraint(condition=~Q(state="absent") | ~Q(reason=""), name="enrolment_absent_why"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["slot", "state"], name="enrolment_slot"),
            models.Index(fields=["shift", "state"], name="enrolment_shift"),
            models.Index(fields=["volunteer", "-starts", "-id"], name="enrolment_mine"),
            models.Index(fields=["slot", "queued_at", "id"], name="enrolment_queue", condition=Q(state="waiting")),
            models.Index(fields=["offered_until"], name="enrolment_offers", condition=Q(state="offered")),
            models.Index(fields=["party"], name="enrolment_party", condition=~Q(party=None)),
        ]
        triggers: ClassVar[list[Any]] = [
            pgtrigger.Trigger(
                name="fits", operation=pgtrigger.Insert | pgtrigger.Update, when=pgtrigger.After,
                declare=[("places", "integer"), ("held", "integer")], func=FITS,
            ),
            pgtrigger.ReadOnly(name="as_asked", fields=["volunteer", "shift", "org", "how", "made_at"]),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.volunteer_id} {self.shift_id} {self.state}"

    @property
    def unit_id(self) -> int:
        """What capability checks read."""
        return self.org_id


class Means(models.TextChoices):
    """How it was seen that somebody came or left; the strongest first."""

    QR = "qr", pgettext_lazy("check-in", "scanned the leader's code, which changes")
    KIOSK = "kiosk", pgettext_lazy("check-in", "at the kiosk")
    LEADER = "leader", pgettext_lazy("check-in", "the leader scanned or ticked them")
    PAPER = "paper", pgettext_lazy("check-in", "signed on paper; a photo is kept")
    OFFICE = "office", pgettext_lazy("check-in", "entered later in the office")


class Band(models.TextChoices):
    """How far from the place, and no more than that is kept (see Scan)."""

    NEAR = "near", pgettext_lazy("distance", "at the place")
    AROUND = "around", pgettext_lazy("distance", "within 500 m")
    FAR = "far", pgettext_lazy("distance", "farther")


class ScanQuerySet(models.QuerySet["Scan"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(enrolment__in=Enrolment.objects.visible_to(actor))


class Scan(models.Model):
    """Somebody came or left, as it was seen. Never changed. Where they stood is compared on the spot: a yes or no and a
    band of distance are kept, no point."""

    append_only: ClassVar[bool] = True

    enrolment = models.ForeignKey(Enrolment, on_delete=models.PROTECT, related_name="scans")
    out = models.BooleanField(default=False)
    at = models.DateTimeField()  # when it happened, by the device that saw it
    received_at = models.DateTimeField()
    means = models.CharField(max_length=8, choices=Means.choices)
    nonce = models.UUIDField(unique=True)  # sent again after a broken connection, it counts once
    device = models.BinaryField(null=True, max_length=16)  # a keyed mark: the same device, and nothing else of it
    inside = models.BooleanField(null=True)
    band = models.CharField(max_length=8, choices=Band.choices, default="")
    offline = models.BooleanField(default=False)
    paper = models.UUIDField(null=True)
    by_id = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=200, default="")

    objects: ClassVar[Any] = ScanQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(means__in=Means.values), name="scan_means_known"),
            models.CheckConstraint(condition=Q(band="") | Q(band__in=Band.values), name="scan_band_known"),
            models.CheckConstraint(condition=~Q(means="paper") | Q(paper__isnull=False), name="scan_paper_photo"),
            models.CheckConstraint(condition=~Q(means="office") | ~Q(reason=""), name="scan_office_why"),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["enrolment", "at"], name="scan_of")]

    def __str__(self) -> str:
        return f"{self.enrolment_id} {'out' if self.out else 'in'} {self.at:%H:%M}"
