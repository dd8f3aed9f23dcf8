"""Tables of the loop. What the database can hold as an invariant is a constraint here."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import Exists, F, Func, OuterRef, Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.models import VaultRecord
from heli.core.scope import PathField, ancestors, within
from heli.loop import indexes
from heli.loop.words import KEEP_WORDS
from heli.loop.words import RequestWords as RequestWords
from heli.orgs.models import Organisation
from heli.places.models import Area
from heli.rulebook.models import Rule

# Capabilities that read the requests of an area.
AREA_READERS = (Cap.DISPATCH, Cap.VIEW_REQUESTS, Cap.SUPERVISE, Cap.APPOINT_LEAD, Cap.REVISIT, Cap.EXCLUDE)


def any_path(actor: Actor, *caps: Cap) -> tuple[str, ...]:
    return tuple({p for c in caps for p in actor.paths(c)})


class Kind(models.TextChoices):
    HELP = "help", _("Ask for help")
    COMPLAINT = "complaint", _("Complain")
    QUESTION = "question", _("Ask a question")
    SUGGESTION = "suggestion", _("Suggest")
    TIP = "tip", _("Tell of a wrong")
    WISH = "wish", _("Make a wish")
    SNAP = "snap", _("Snap")


class Channel(models.TextChoices):
    WEB = "web", _("Web page")
    COUNTER = "counter", _("At the counter")
    PHONE = "phone", _("By phone")
    API = "api", _("Another system")
    IMPORT = "import", _("Batch")


class Urgency(models.TextChoices):
    NORMAL = "normal", _("Normal")
    URGENT = "urgent", _("Urgent")
    EMERGENCY = "emergency", _("Emergency")


class Confidentiality(models.TextChoices):
    OPEN = "open", _("The unit may know who said it")
    PROTECTED = "protected", _("The unit is not told who said it")


class ClockKind(models.TextChoices):
    DISPATCH = "dispatch", _("Dispatch")
    ACCEPT = "accept", _("Accept")
    CONTACT = "contact", _("First contact")
    REPLY = "reply", _("Reply")
    REDO = "redo", _("Redo")
    REVISIT = "revisit", _("Revisit")
    REVIEW = "review", _("Time to judge")


class Category(models.Model):
    """What a request is about: three levels, with codes that never change."""

    code = models.CharField(max_length=12, unique=True, db_collation="C")
    name = models.CharField(max_length=40)
    name_en = models.CharField(max_length=80, default="")
    parent = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="children")
    level = models.PositiveSmallIntegerField()
    words = ArrayField(models.CharField(max_length=20), default=list)  # what people say when they mean it
    urgency = models.CharField(max_length=12, choices=Urgency.choices, default=Urgency.NORMAL)
    closed_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(level__range=(1, 3)), name="category_level"),
            models.CheckConstraint(
                condition=Q(level=1, parent=None) | Q(level__gt=1, parent__isnull=False), name="category_parent"
            ),
        ]

    def __str__(self) -> str:
        return self.name_en if self.name_en and get_language() == "en" else self.name


class RequestQuerySet(models.QuerySet["Request"]):
    def visible_to(self, actor: Actor) -> Self:
        """The same rows for a list, a page, a count, an export and a step.

        Readers of the area; units that hold it or help with it; whoever took it down; the resident (account or link).
        Somebody with grants sees by them alone: their own requests they follow as residents, without their grants.
        """
        if actor.system:
            return self
        see = Q(pk__in=[])
        if paths := any_path(actor, *AREA_READERS):
            see |= within("area_path", paths)
        if units := actor.org_ids(Cap.HANDLE_REQUESTS, Cap.APPROVE_REPLY):
            held = Dispatch.objects.filter(request=OuterRef("pk"), unit__in=units, state__in=Dispatch.LIVE)
            see |= Q(Exists(held))
        if Cap.HEAR in actor.caps:
            see |= Q(heard_by=actor.user_id)
        if actor.user_id is not None and not actor.grants:
            see |= Q(Exists(Voice.objects.filter(request=OuterRef("pk"), user=actor.user_id)))
        if actor.voice_id is not None:
            mine = Voice.objects.filter(pk=actor.voice_id)
            see |= Q(Exists(mine.filter(request=OuterRef("pk"))))
            see |= Q(Exists(mine.filter(request__merged_into=OuterRef("pk"))))
        return self.filter(see)


class Request(models.Model):
    """One matter (诉求) on its way round the loop. Who said it is in its voices, their data in the vault."""

    code = models.CharField(max_length=16, unique=True, db_collation="C")
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.HELP)
    title = models.CharField(max_length=60)
    text = models.TextField(max_length=10_000)
    photos = ArrayField(models.UUIDField(), default=list)
    area = models.ForeignKey(Area, on_delete=models.PROTECT, related_name="+", db_index=False)
    area_path = PathField()
    spot = models.CharField(max_length=120, default="")  # where exactly: a door, a lamp, a crossing
    lat = models.DecimalField(max_digits=9, decimal_places=6, null=True)
    lon = models.DecimalField(max_digits=9, decimal_places=6, null=True)
    accuracy = models.PositiveIntegerField(null=True)  # metres around the point, as the phone said
    category = models.ForeignKey(Category, null=True, on_delete=models.PROTECT, related_name="+")
    channel = models.CharField(max_length=10, choices=Channel.choices)
    confidentiality = models.CharField(max_length=10, choices=Confidentiality.choices, default=Confidentiality.OPEN)
    urgency = models.CharField(max_length=12, choices=Urgency.choices, default=Urgency.NORMAL)
    reachable = models.BooleanField(default=False)  # somebody left a number: a first contact can be asked of the unit
    heard_at = models.DateTimeField()
    heard_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    form_key = models.UUIDField(null=True, unique=True)  # the same form sent twice counts once
    source = models.CharField(max_length=40, default="")
    source_key = models.CharField(max_length=80, null=True)  # noqa: DJ001  (null: not imported, so not unique)
    traces = ArrayField(models.BigIntegerField(), default=list, db_default=[])  # by which its twins find it

    state = models.CharField(max_length=12, default="heard")
    lap = models.PositiveSmallIntegerField(default=1)
    bounces = models.PositiveSmallIntegerField(default=0)
    # the lead
    unit = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    due_at = models.DateTimeField(null=True)  # the earliest running clock, kept by clocks.Board
    due_kind = models.CharField(max_length=10, default="", choices=ClockKind.choices)
    dispatched_at = models.DateTimeField(null=True)
    replied_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    contacted = models.BooleanField(null=True)  # as judged, the worst voice of the last round; null: unrated
    solved = models.CharField(max_length=6, default="")
    satisfaction = models.PositiveSmallIntegerField(null=True)
    excluded = models.BooleanField(default=False)  # a confirmed exclusion stands
    merged_into = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="twins")
    parent = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="parts")

    objects: ClassVar[Any] = RequestQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["source", "source_key"], name="request_imported_once"),
            models.CheckConstraint(condition=Q(state="merged") ^ Q(merged_into=None), name="request_merged"),
            models.CheckConstraint(condition=~Q(merged_into=F("id")) & ~Q(parent=F("id")), name="request_not_itself"),
            models.CheckConstraint(
                condition=Q(satisfaction=None) | Q(satisfaction__range=(1, 5)), name="request_levels"
            ),
            models.CheckConstraint(condition=Q(solved__in=("", "yes", "partly", "no")), name="request_solved"),
            models.CheckConstraint(
                condition=~Q(state__in=("dispatched", "handling", "replied"))
                | Q(unit__isnull=False)
                | Q(parent=None, dispatched_at=None),
                name="request_has_lead",
            ),
        ]
        indexes: ClassVar[list[Any]] = indexes.REQUEST
        triggers: ClassVar[list[Any]] = [
            pgtrigger.Trigger(name="words", operation=pgtrigger.Insert, when=pgtrigger.After, func=KEEP_WORDS),
            pgtrigger.Trigger(
                name="words_again",
                operation=pgtrigger.Update,
                when=pgtrigger.After,
                condition=pgtrigger.AnyChange("title", "text", "area_path"),
                func=KEEP_WORDS,
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Voice(models.Model):
    """One person's saying of a request. After a merge every voice is kept, told, and asked to judge."""

    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="voices")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    record = models.ForeignKey(VaultRecord, null=True, on_delete=models.PROTECT, related_name="+")  # null: anonymous
    channel = models.CharField(max_length=10, choices=Channel.choices)
    reach = models.CharField(max_length=12, default="")  # when a call suits: morning, afternoon, evening
    said_at = models.DateTimeField()
    link_nonce = models.PositiveIntegerField(default=0)  # a new number ends the old link
    link_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.request_id}/{self.pk}"


def said_of(request_id: int | None) -> Q:
    """Voices of a request and of those joined into it; by their ids, so that both indexes serve."""
    return Q(request__in=Request.objects.filter(Q(pk=request_id) | Q(merged_into=request_id)).values("pk"))


def answer_to(request_id: int) -> Q:
    """Handlings of a request and of its parts; by their ids, too."""
    return Q(request__in=Request.objects.filter(Q(pk=request_id) | Q(parent=request_id)).values("pk"))


class DispatchQuerySet(models.QuerySet["Dispatch"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(request__in=Request.objects.visible_to(actor))


class Dispatch(models.Model):
    """One offer of a request to one unit: offered, accepted or returned, with the reasons for it."""

    LIVE = ("offered", "accepted", "returning", "done")

    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="dispatches")
    area_path = PathField()
    unit = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)
    role = models.CharField(max_length=6, choices=[("lead", _("lead")), ("assist", _("assist"))])
    state = models.CharField(max_length=10, default="offered")
    duty_row = models.ForeignKey("DutyRow", null=True, on_delete=models.PROTECT, related_name="+")
    push_down_rule = models.CharField(max_length=200, default="")  # what allows giving it to a street or village
    forced = models.BooleanField(default=False)
    decision = models.CharField(max_length=300, default="")
    offered_at = models.DateTimeField()
    offered_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    return_code = models.CharField(max_length=20, default="")
    return_reason = models.CharField(max_length=300, default="")
    legal_basis = models.CharField(max_length=300, default="")
    ended_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = DispatchQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["request"],
                name="dispatch_one_lead",
                condition=Q(role="lead", state__in=("offered", "accepted", "returning", "done")),
            ),
            models.UniqueConstraint(
                fields=["request", "unit"],
                name="dispatch_unit_once",
                condition=Q(state__in=("offered", "accepted", "returning", "done")),
            ),
            models.CheckConstraint(
                condition=~Q(state__in=("returning", "returned")) | ~Q(return_code="") & ~Q(legal_basis=""),
                name="dispatch_return_papers",
            ),
            models.CheckConstraint(condition=Q(forced=False) | ~Q(decision=""), name="dispatch_force_paper"),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["unit", "role", "state", "-id"], name="dispatch_unit")]

    def __str__(self) -> str:
        return f"{self.request_id} → {self.unit_id} ({self.role}, {self.state})"


class Clock(models.Model):
    """One deadline, frozen with the rule version it started under."""

    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="clocks", db_index=False)
    # null: the desk
    unit = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    area_path = PathField()
    kind = models.CharField(max_length=10, choices=ClockKind.choices)
    lap = models.PositiveSmallIntegerField(default=1)
    rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="+", db_index=False)
    amount = models.PositiveIntegerField()
    measure = models.CharField(max_length=20)  # the unit of time: working_day, minute…
    started_at = models.DateTimeField()
    due_at = models.DateTimeField()
    provisional = models.BooleanField(default=False)
    paused_until = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, default="running")  # running, met, late, cancelled
    rung = models.PositiveSmallIntegerField(default=0)  # reminded 1, urged 2, supervised 3, an order proposed 4
    rung_at = models.DateTimeField(null=True)  # when the next rung is reached; null: no more

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(due_at__gte=F("started_at")), name="clock_forward"),
            models.CheckConstraint(condition=Q(outcome="running") ^ Q(stopped_at__isnull=False), name="clock_stopped"),
            models.UniqueConstraint(
                fields=["request", "kind", "unit"],
                name="clock_once",
                condition=Q(outcome="running"),
                nulls_distinct=False,
            ),
        ]
        indexes: ClassVar[list[Any]] = indexes.CLOCK

    def __str__(self) -> str:
        return f"{self.kind} {self.due_at:%m-%d %H:%M} {self.outcome}"


class ExtensionQuerySet(models.QuerySet["Extension"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(request__in=Request.objects.visible_to(actor))


class Extension(models.Model):
    """More time for a clock, or a stop of it, asked with reason and basis and decided by somebody else."""

    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="extensions")
    clock = models.ForeignKey(Clock, on_delete=models.PROTECT, related_name="extensions")
    area_path = PathField()
    kind = models.CharField(max_length=6, choices=[("more", _("more time")), ("pause", _("stop the clock"))])
    days = models.PositiveSmallIntegerField(default=0)  # working days asked for
    until = models.DateTimeField(null=True)  # a pause ends then by itself
    reason = models.CharField(max_length=300)
    basis = models.CharField(max_length=300)
    state = models.CharField(max_length=10, default="asked")
    asked_at = models.DateTimeField()
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    objects: ClassVar[Any] = ExtensionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["clock"], name="extension_one_open", condition=Q(state="asked")),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("asked_by")), name="extension_second_person"
            ),
            models.CheckConstraint(
                condition=Q(kind="more", days__gt=0) | Q(kind="pause", until__isnull=False),
                name="extension_says_how_long",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["area_path", "asked_at"], name="extension_open", condition=Q(state="asked"))
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"


class HandlingQuerySet(models.QuerySet["Handling"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(request__in=Request.objects.visible_to(actor))


class Handling(models.Model):
    """One way a request is met. `reply` here; an activity, a case, a wish… points at a row of this table later."""

    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="handlings")
    unit = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)
    area_path = PathField()
    kind = models.CharField(max_length=12, default="reply")
    lap = models.PositiveSmallIntegerField(default=1)
    text = models.TextField(max_length=10_000)
    photos = ArrayField(models.UUIDField(), default=list)
    papers = ArrayField(models.UUIDField(), default=list)
    state = models.CharField(max_length=10, default="draft")
    written_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    written_at = models.DateTimeField()
    reviewed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    sent_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = HandlingQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["request", "unit", "lap", "kind"], name="handling_once_a_lap"),
            models.CheckConstraint(condition=Q(state="sent") ^ Q(sent_at=None), name="handling_sent"),
            models.CheckConstraint(
                condition=Q(reviewed_by=None) | ~Q(reviewed_by=F("written_by")), name="handling_second_person"
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["unit", "id"], name="handling_review", condition=Q(state="in_review"))
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"


class Remark(models.Model):
    """Words along the way: a contact, an internal note, a question to the resident and the answer, an assisting
    unit's opinion, a supervisor's word. Never changed."""

    append_only: ClassVar[bool] = True
    KINDS: ClassVar[Any] = [
        ("contact", _("contact")),
        ("note", _("internal note")),
        ("question", _("question to the resident")),
        ("answer", _("the resident's words")),
        ("opinion", _("the assisting unit's part")),
        ("supervise", _("supervision")),
    ]

    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="remarks", db_index=False)
    kind = models.CharField(max_length=10, choices=KINDS)
    at = models.DateTimeField()
    unit = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    voice = models.ForeignKey(Voice, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    way = models.CharField(max_length=10, default="")  # phone, visit, message
    reached = models.BooleanField(null=True)
    text = models.TextField(max_length=2000, default="")
    photos = ArrayField(models.UUIDField(), default=list)

    class Meta:
        indexes: ClassVar[list[Any]] = [models.Index(fields=["request", "id"], name="remark_request")]

    def __str__(self) -> str:
        return f"{self.kind} {self.request_id}"


class Review(models.Model):
    """What one voice says of one round. Written once: whoever handled it cannot touch it."""

    append_only: ClassVar[bool] = True

    request = models.ForeignKey(
        Request, on_delete=models.PROTECT, related_name="reviews", db_index=False
    )  # the one replied to
    voice = models.ForeignKey(Voice, on_delete=models.PROTECT, related_name="reviews", db_index=False)
    lap = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    source = models.CharField(
        max_length=8, choices=[("link", _("link")), ("counter", _("counter")), ("revisit", _("revisit call"))]
    )
    reached = models.BooleanField(default=True)  # False: a revisit that found nobody; never counted as satisfied
    contacted = models.BooleanField(null=True)
    solved = models.CharField(max_length=6, default="")
    satisfaction = models.PositiveSmallIntegerField(null=True)
    words = models.TextField(max_length=1000, default="")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["voice", "lap"], name="review_once_a_lap", condition=Q(reached=True)),
            models.CheckConstraint(
                condition=Q(
                    reached=True,
                    contacted__isnull=False,
                    solved__in=("yes", "partly", "no"),
                    satisfaction__range=(1, 5),
                )
                | Q(reached=False, contacted=None, solved="", satisfaction=None),
                name="review_whole_or_unreached",
            ),
            models.CheckConstraint(condition=Q(source="link") ^ Q(by__isnull=False), name="review_who"),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["request", "lap"], name="review_request")]

    def __str__(self) -> str:
        return f"{self.voice_id} lap {self.lap}: {self.satisfaction}"


class ExclusionQuerySet(models.QuerySet["Exclusion"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(request__in=Request.objects.visible_to(actor))


class Exclusion(models.Model):
    """A request left out of the rates, with evidence and a second signature; listed publicly in counts."""

    REASONS: ClassVar[Any] = [
        ("court", _("before a court or in another lawful procedure")),
        ("outside", _("outside this area's powers")),
        ("untrue", _("not true, with evidence")),
        ("unlawful", _("asks for something unlawful")),
        ("malicious", _("malicious, handed to the police")),
    ]

    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="exclusions")
    area_path = PathField()
    reason = models.CharField(max_length=12, choices=REASONS)
    evidence = models.CharField(max_length=500)
    state = models.CharField(max_length=10, default="proposed")
    proposed_at = models.DateTimeField()
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    objects: ClassVar[Any] = ExclusionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["request"], name="exclusion_one_open", condition=Q(state__in=("proposed", "confirmed"))
            ),
            models.CheckConstraint(condition=~Q(evidence=""), name="exclusion_evidence"),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("proposed_by")), name="exclusion_second_person"
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["area_path"], name="exclusion_proposed", condition=Q(state="proposed"))
        ]

    def __str__(self) -> str:
        return f"{self.reason} {self.state}"


class OneRange(Func):
    """int8range(x, x, '[]'): lets plain GiST compare whole numbers, so that no contrib extension is needed."""

    function = "int8range"
    template = "%(function)s(%(expressions)s, %(expressions)s, '[]')"


class DutyQuerySet(models.QuerySet["DutyRow"]):
    def visible_to(self, actor: Actor) -> Self:
        """Rows of the actor's areas, and of those above them: they decide there too."""
        if actor.system:
            return self
        paths = any_path(actor, Cap.MANAGE_DUTY, *AREA_READERS)
        above = {a for p in paths for a in ancestors(p, itself=False)}
        return self.filter(within("area_path", paths) | Q(area_path__in=above))


@pghistory.track()
class DutyRow(models.Model):
    """One row of the duty list (派单目录): who is responsible for a category, from when until when.

    `level` is the level of the desk that dispatches. A row names a unit, or (`local`) the street office or community
    committee that the place lies in.
    """

    LEVELS: ClassVar[Any] = [(3, _("county")), (4, _("street or township")), (5, _("community or village"))]
    LOCALS: ClassVar[Any] = [
        ("township", _("the street office of the place")),
        ("community", _("the committee of the place")),
    ]

    number = models.CharField(max_length=16)
    area = models.ForeignKey(Area, on_delete=models.PROTECT, related_name="+")
    area_path = PathField()
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="+")
    level = models.PositiveSmallIntegerField(choices=LEVELS)
    unit = models.ForeignKey(Organisation, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    local = models.CharField(max_length=10, default="", blank=True, choices=LOCALS)
    assist_local = ArrayField(models.CharField(max_length=10, choices=LOCALS), default=list, blank=True)
    assists = ArrayField(models.BigIntegerField(), default=list, blank=True)
    functional = models.BooleanField(default=False)  # a department's own matter: not to be pushed down
    citation = models.CharField(max_length=200)
    note = models.CharField(max_length=200, default="", blank=True)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)

    objects: ClassVar[Any] = DutyQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            ExclusionConstraint(
                name="duty_one_row_at_a_time",
                expressions=[
                    (OneRange(F("area_id")), RangeOperators.OVERLAPS),
                    (OneRange(F("category_id")), RangeOperators.OVERLAPS),
                    (OneRange(F("level")), RangeOperators.OVERLAPS),
                    (Func(F("valid_from"), F("valid_to"), function="daterange"), RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(
                condition=Q(unit__isnull=False, local="") | Q(unit=None) & ~Q(local=""), name="duty_names_one"
            ),
            models.CheckConstraint(condition=Q(valid_to=None) | Q(valid_to__gte=F("valid_from")), name="duty_dates"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.category_id}"


from heli.loop import batch_models, oversight_models, reading_models  # noqa: E402, F401  (they stand on the tables above)
