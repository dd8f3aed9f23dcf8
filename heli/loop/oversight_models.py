"""Tables of supervision and of revisit calls: orders with their units' parts, digests, calls, tries, second listens."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.scope import PathField, within
from heli.loop.models import Request, Review, Voice
from heli.orgs.models import Organisation
from heli.rulebook.models import Rule

USER = settings.AUTH_USER_MODEL
UNIT_CAPS = (Cap.HANDLE_REQUESTS, Cap.APPROVE_REPLY)
ORDER_READERS = (Cap.SUPERVISE, Cap.VIEW_REQUESTS)


def _person(**more: Any) -> models.ForeignKey[Any, Any]:
    return models.ForeignKey(USER, null=True, on_delete=models.PROTECT, related_name="+", db_index=False, **more)


# Orders ------------------------------------------------------------------------------------------------------------------
class OrderQuerySet(models.QuerySet["Order"]):
    def visible_to(self, actor: Actor) -> Self:
        """Supervisors and readers of the area; units that have a part in it."""
        if actor.system:
            return self
        see = within("area_path", {p for c in ORDER_READERS for p in actor.paths(c)})
        if units := actor.org_ids(*UNIT_CAPS):
            see |= Q(Exists(OrderPart.objects.filter(order=OuterRef("pk"), unit__in=units)))
        return self.filter(see)


class Order(models.Model):
    """A supervisor's order (督办单) to one or more units: what is demanded, by when, whether they meet on site."""

    county = models.CharField(max_length=6, db_collation="C")  # numbers are drawn for a county and a year
    year = models.PositiveSmallIntegerField()
    serial = models.PositiveIntegerField()
    area_path = PathField()
    title = models.CharField(max_length=60)
    demand = models.TextField(max_length=2000)
    rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="+", db_index=False)
    amount = models.PositiveIntegerField()
    measure = models.CharField(max_length=20)
    due_at = models.DateTimeField()
    provisional = models.BooleanField(default=False)
    state = models.CharField(max_length=10, default="open")
    issued_at = models.DateTimeField()
    issued_by = _person()
    form_key = models.UUIDField(null=True, unique=True)
    meet_at = models.DateTimeField(null=True)  # on site, at a set time
    meet_place = models.CharField(max_length=120, default="")
    met_at = models.DateTimeField(null=True)
    minutes = models.TextField(max_length=4000, default="")
    public_words = models.TextField(max_length=1000, default="")  # what residents of its requests read of the outcome
    ended_at = models.DateTimeField(null=True)
    ended_by = _person()

    objects: ClassVar[Any] = OrderQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["county", "year", "serial"], name="order_number"),
            models.CheckConstraint(condition=Q(state__in=("open", "closed", "withdrawn")), name="order_state"),
            models.CheckConstraint(condition=Q(state="open") ^ Q(ended_at__isnull=False), name="order_ended"),
            models.CheckConstraint(condition=Q(due_at__gte=F("issued_at")), name="order_forward"),
            models.CheckConstraint(
                condition=Q(meet_at=None, meet_place="") | Q(meet_at__isnull=False) & ~Q(meet_place=""),
                name="order_meets_somewhere",
            ),
            models.CheckConstraint(condition=Q(met_at=None, minutes="") | ~Q(minutes=""), name="order_minutes"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["area_path", "state", "-id"], name="order_area"),
        ]

    def __str__(self) -> str:
        return f"督〔{self.year}〕{self.serial}号"


class OrderRequest(models.Model):
    """A request that an order is about. Of a request only one order is open at a time."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="about")
    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="orders")
    open = models.BooleanField(default=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["order", "request"], name="order_request_once"),
            models.UniqueConstraint(fields=["request"], name="order_one_open", condition=Q(open=True)),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}: {self.request_id}"


class OrderPartQuerySet(models.QuerySet["OrderPart"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(order__in=Order.objects.visible_to(actor))


class OrderPart(models.Model):
    """What one unit is to do under an order, what was agreed on site, and its written outcome."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="parts")
    unit = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)
    area_path = PathField()
    demand = models.CharField(max_length=500, default="")
    state = models.CharField(max_length=12, default="issued")
    due_at = models.DateTimeField()
    came = models.BooleanField(null=True)  # to the meeting on site; null: none was held
    share = models.CharField(max_length=500, default="")  # its responsibility, as divided on site
    share_by = models.DateField(null=True)
    outcome = models.TextField(max_length=4000, default="")
    papers = ArrayField(models.UUIDField(), default=list)
    acknowledged_at = models.DateTimeField(null=True)
    reported_at = models.DateTimeField(null=True)
    reported_by = _person()
    accepted_at = models.DateTimeField(null=True)
    back_reason = models.CharField(max_length=300, default="")
    backs = models.PositiveSmallIntegerField(default=0)

    objects: ClassVar[Any] = OrderPartQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["order", "unit"], name="order_unit_once"),
            models.CheckConstraint(
                condition=~Q(state__in=("reported", "accepted")) | ~Q(outcome="") & Q(reported_at__isnull=False),
                name="order_outcome_written",
            ),
            models.CheckConstraint(condition=~Q(state="sent_back") | ~Q(back_reason=""), name="order_back_reason"),
            models.CheckConstraint(
                condition=Q(state__in=("issued", "acknowledged", "reported", "sent_back", "accepted", "withdrawn")),
                name="order_part_state",
            ),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["unit", "state", "due_at"], name="order_part_unit")]

    def __str__(self) -> str:
        return f"{self.order_id} → {self.unit_id} ({self.state})"


class DigestQuerySet(models.QuerySet["Digest"]):
    def visible_to(self, actor: Actor) -> Self:
        """Digests of areas the actor supervises, and of units whose work they do."""
        if actor.system:
            return self
        see = Q(unit=None) & within("area_path", actor.paths(Cap.SUPERVISE))
        return self.filter(see | Q(unit__in=actor.org_ids(*UNIT_CAPS)))


class Digest(models.Model):
    """The week of an area or of a unit in figures, as it was when it was composed. Never changed; names nobody."""

    append_only: ClassVar[bool] = True

    week = models.DateField()  # its Monday
    area_path = PathField()
    unit = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    figures = models.JSONField()  # {key: {"n": how many, "rows": ids of requests or orders}}
    made_at = models.DateTimeField()

    objects: ClassVar[Any] = DigestQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["week", "area_path", "unit"], name="digest_once", nulls_distinct=False),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["unit", "-week"], name="digest_unit")]

    def __str__(self) -> str:
        return f"{self.week} {self.area_path} {self.unit_id or ''}"


# After the last round ----------------------------------------------------------------------------------------------------
class AppealDecisionQuerySet(models.QuerySet["AppealDecision"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(request__in=Request.objects.visible_to(actor))


class AppealDecision(models.Model):
    """What a supervisor decided in writing when the last round had failed too: once more, or closed. Never changed."""

    append_only: ClassVar[bool] = True

    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="appeal_decisions", db_index=False)
    area_path = PathField()
    lap = models.PositiveSmallIntegerField()  # the round that had failed
    at = models.DateTimeField()
    by = _person()
    again = models.BooleanField()
    text = models.CharField(max_length=500)

    objects: ClassVar[Any] = AppealDecisionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=~Q(text=""), name="appeal_in_writing"),
            models.UniqueConstraint(fields=["request", "lap"], name="appeal_once_a_lap"),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["area_path", "-at", "-id"], name="appeal_area")]

    def __str__(self) -> str:
        return f"{self.request_id}/{self.lap} {'again' if self.again else 'closed'}"


# Revisit calls -----------------------------------------------------------------------------------------------------------
class RevisitQuerySet(models.QuerySet["Revisit"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.system else self.filter(within("area_path", actor.paths(Cap.REVISIT)))


class Revisit(models.Model):
    """A round of an answered request that was drawn for a revisit call, until somebody is reached or it is given up."""

    WHY: ClassVar[Any] = [
        ("sample", _("drawn by chance")),
        ("urgent", _("urgent: always called")),
        ("redo", _("done anew: always called")),
        ("protected", _("protected: always called")),
        ("complaint", _("a complaint: always called")),
    ]
    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="revisits")
    lap = models.PositiveSmallIntegerField()
    area_path = PathField()
    unit = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    why = models.CharField(max_length=10, choices=WHY)
    rule = models.ForeignKey(Rule, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=10, default="waiting")  # reached, judged (by themselves), unreached, over
    way = models.CharField(max_length=8, default="phone")  # phone, then visit
    message_at = models.DateTimeField(null=True)  # when the link is sent once more; null: no more
    call_at = models.DateTimeField()  # not before
    attempts = models.PositiveSmallIntegerField(default=0)
    claimed_by = _person()
    claimed_until = models.DateTimeField(null=True)
    passed_by = ArrayField(models.BigIntegerField(), default=list)  # callers who know the resident
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = RevisitQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["request", "lap"], name="revisit_once_a_lap"),
            models.CheckConstraint(
                condition=Q(state__in=("waiting", "reached", "judged", "unreached", "over")), name="revisit_state"
            ),
            models.CheckConstraint(condition=Q(state="waiting") ^ Q(ended_at__isnull=False), name="revisit_ended"),
            models.CheckConstraint(
                condition=Q(claimed_by=None, claimed_until=None)
                | Q(claimed_by__isnull=False, claimed_until__isnull=False),
                name="revisit_claim",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["area_path", "call_at", "id"], name="revisit_queue", condition=Q(state="waiting")),
            models.Index(fields=["message_at"], name="revisit_message", condition=Q(message_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.request_id}/{self.lap} {self.state}"


class Attempt(models.Model):
    """One try to reach a resident: when, how, with what result. Never changed."""

    append_only: ClassVar[bool] = True
    RESULTS: ClassVar[Any] = [
        ("sent", _("message sent")),
        ("no_answer", _("nobody answered")),
        ("reached", _("reached")),
        ("passed", _("passed on to a colleague")),
    ]
    revisit = models.ForeignKey(Revisit, on_delete=models.PROTECT, related_name="tries")
    voice = models.ForeignKey(Voice, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField()
    by = _person()
    way = models.CharField(max_length=8)
    result = models.CharField(max_length=10, choices=RESULTS)
    again_at = models.DateTimeField(null=True)
    words = models.CharField(max_length=300, default="")

    class Meta:
        indexes: ClassVar[list[Any]] = [models.Index(fields=["by", "at"], name="attempt_by_day")]

    def __str__(self) -> str:
        return f"{self.revisit_id} {self.result}"


class RecheckQuerySet(models.QuerySet["Recheck"]):
    def visible_to(self, actor: Actor) -> Self:
        """Second listeners of the area; its supervisors, who see where answers differ."""
        if actor.system:
            return self
        return self.filter(within("area_path", {*actor.paths(Cap.REVISIT), *actor.paths(Cap.SUPERVISE)}))


class Recheck(models.Model):
    """A revisit call whose answers a second caller asks for again. The first answers stay as they are."""

    review = models.OneToOneField(Review, on_delete=models.PROTECT, related_name="recheck")
    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="rechecks")
    area_path = PathField()
    unit = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=10, default="waiting")  # waiting, same, differs, unreached
    drawn_at = models.DateTimeField()
    at = models.DateTimeField(null=True)
    by = _person()
    contacted = models.BooleanField(null=True)
    solved = models.CharField(max_length=6, default="")
    satisfaction = models.PositiveSmallIntegerField(null=True)
    words = models.CharField(max_length=300, default="")

    objects: ClassVar[Any] = RecheckQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=Q(state__in=("waiting", "same", "differs", "unreached")), name="recheck_state"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=("same", "differs"))
                | Q(contacted__isnull=False, solved__in=("yes", "partly", "no"), satisfaction__range=(1, 5)),
                name="recheck_whole",
            ),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["area_path", "state", "id"], name="recheck_area")]

    def __str__(self) -> str:
        return f"{self.request_id} {self.state}"
