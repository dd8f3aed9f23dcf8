"""Activity → role → shift. A slot is a role in one shift: so many places, so many of them for newcomers."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Self

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.scope import PathField, within
from heli.loop.models import Handling, Request
from heli.orgs.models import Organisation
from heli.places.models import Area
from heli.places.sites import Site
from heli.volunteering.states import HOLDING

TITLE, WORDS = 60, 2000
LATE = dt.timedelta(hours=24)  # an emergency's shift may be written down at most so long after it began


class Field(models.TextChoices):
    """Fields of service."""

    UNITY = "unity", pgettext_lazy("field", "Unity of ethnic groups")
    GOVERNANCE = "governance", pgettext_lazy("field", "Community governance")
    HARDSHIP = "hardship", pgettext_lazy("field", "Help in hardship")
    EMERGENCY = "emergency", pgettext_lazy("field", "Emergency and rescue")
    ELDERS = "elders", pgettext_lazy("field", "Older people")
    CHILDREN = "children", pgettext_lazy("field", "Children and young people")
    DISABLED = "disabled", pgettext_lazy("field", "People with disabilities")
    HEALTH = "health", pgettext_lazy("field", "Health")
    LAW = "law", pgettext_lazy("field", "Law and mediation")
    CULTURE = "culture", pgettext_lazy("field", "Culture and sports")
    LEARNING = "learning", pgettext_lazy("field", "Reading and science")
    NATURE = "nature", pgettext_lazy("field", "Environment")
    EVENTS = "events", pgettext_lazy("field", "Events and order in the street")


class Condition(models.TextChoices):
    """What a shift asks of a body."""

    OUTDOOR = "outdoor", pgettext_lazy("condition", "out of doors")
    HEAT = "heat", pgettext_lazy("condition", "great heat possible")
    NIGHT = "night", pgettext_lazy("condition", "evening or night")
    HEIGHTS = "heights", pgettext_lazy("condition", "ladders or heights")
    LIFTING = "lifting", pgettext_lazy("condition", "heavy lifting")
    STAIRS = "stairs", pgettext_lazy("condition", "climbing stairs")
    STANDING = "standing", pgettext_lazy("condition", "long standing")
    WATER = "water", pgettext_lazy("condition", "at the water")


def seen_by(actor: Actor, org: str, path: str) -> Q:
    """Rows of organisations for which the actor leads or records, and of the areas they review."""
    if actor.system:
        return Q()
    see = Q(pk__in=[])
    if orgs := actor.org_ids(Cap.LEAD_TEAM):
        see |= Q(**{f"{org}__in": orgs})
    if paths := actor.paths(Cap.REVIEW_ACTIVITIES):
        see |= within(path, paths)
    return see


class ActivityQuerySet(models.QuerySet["Activity"]):
    def visible_to(self, actor: Actor) -> Self:
        """Whole rows: the organisers, and those who review the area's plans. What anybody may see is `public`."""
        return self.filter(seen_by(actor, "org", "area_path"))

    def public(self) -> Self:
        """What everybody may find: posted, with what came of it."""
        return self.filter(state__in=("posted", "ended"))


class Activity(models.Model):
    """What is done, by whom, with which risks; its plan is looked at by a second person before it is posted."""

    org = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)
    area = models.ForeignKey(Area, on_delete=models.PROTECT, related_name="+", db_index=False)
    area_path = PathField()
    site = models.ForeignKey(Site, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    place = models.CharField(max_length=120)
    lat = models.FloatField(null=True)  # WGS-84
    lon = models.FloatField(null=True)
    title = models.CharField(max_length=TITLE)
    field = models.CharField(max_length=12, choices=Field.choices)
    content = models.TextField(max_length=WORDS)
    plan = models.TextField(max_length=WORDS, default="")  # for the reviewer: who leads, how it goes, what if
    risks = models.CharField(max_length=300, default="")  # stated to who enrols (志愿服务条例 art. 12)
    brings = models.CharField(max_length=200, default="")  # what the organiser provides, what to bring
    conditions = ArrayField(models.CharField(max_length=10), default=list, blank=True)
    minors = models.BooleanField(default=False)  # close contact with minors
    home = models.BooleanField(default=False)  # visits at home
    silver = models.BooleanField(default=False)  # made for silver-age volunteers
    emergency = models.BooleanField(default=False)
    guide = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )  # the social worker who guides it
    leader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    insurer = models.CharField(max_length=80, default="")  # who insures everybody who serves, where the organiser does
    insured_to = models.DateField(null=True)
    approval = models.BooleanField(default=False)  # a leader says yes to each who enrols
    template = models.BooleanField(default=False)  # kept to be copied, never posted
    request = models.ForeignKey(Request, null=True, on_delete=models.PROTECT, related_name="+")  # what it serves
    handling = models.OneToOneField(
        Handling, null=True, on_delete=models.PROTECT, related_name="+"
    )  # the reply it became
    state = models.CharField(max_length=10, default="draft")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    made_at = models.DateTimeField()
    changed_by = models.ForeignKey(  # who wrote in it last: they do not look at it either. Accounts are never deleted.
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    form_key = models.UUIDField(null=True, unique=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    reviewed_at = models.DateTimeField(null=True)
    posted_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=300, default="")  # sent back, or cancelled, why
    whom = models.CharField(max_length=60, default="", db_default="", blank=True)  # who was served, as a group; public
    served = models.PositiveIntegerField(null=True)  # people who were served
    came_of_it = models.CharField(max_length=300, default="")  # in what way; public
    thanks = models.CharField(max_length=300, default="")  # from who was served, where they let it be read
    photos = ArrayField(models.UUIDField(), default=list, blank=True)
    next_at = models.DateTimeField(null=True)  # when its next shift begins; kept by the trigger of Shift
    last_at = models.DateTimeField(null=True)  # when its last one ends
    version = models.PositiveIntegerField(default=1)

    objects: ClassVar[Any] = ActivityQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(field__in=Field.values), name="activity_field_known"),
            models.CheckConstraint(
                condition=Q(conditions__contained_by=Condition.values), name="activity_conditions_known"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=("posted", "ended"))
                | Q(posted_at__isnull=False, template=False) & ~Q(risks="") & ~Q(plan=""),
                name="activity_posted_whole",
            ),
            models.CheckConstraint(  # a second person looks at the plan; in an emergency it may be looked at afterwards
                condition=~Q(state__in=("posted", "ended"))
                | Q(emergency=True)
                | Q(reviewed_by__isnull=False)
                & ~Q(reviewed_by=F("made_by"))
                & (Q(changed_by=None) | ~Q(reviewed_by=F("changed_by"))),
                name="activity_second_person",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=("posted", "ended")) | Q(home=False) | Q(guide__isnull=False),
                name="activity_home_guided",
            ),
            models.CheckConstraint(
                condition=Q(lat=None, lon=None)
                | Q(lat__isnull=False, lat__range=(3, 54), lon__isnull=False, lon__range=(73, 136)),
                name="activity_point",
            ),
            models.CheckConstraint(condition=~Q(state="cancelled") | ~Q(reason=""), name="activity_cancelled_why"),
            models.CheckConstraint(condition=Q(handling=None) | Q(request__isnull=False), name="activity_handles"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["next_at", "id"], name="activity_next", condition=Q(state="posted")),
            models.Index(fields=["area_path", "next_at"], name="activity_area", condition=Q(state="posted")),
            models.Index(fields=["org", "state", "-id"], name="activity_org"),
            models.Index(fields=["made_at", "id"], name="activity_review", condition=Q(state="review")),
            models.Index(fields=["-ended_at", "-id"], name="activity_ended", condition=Q(state="ended")),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def unit_id(self) -> int:
        """What capability checks read."""
        return self.org_id


class Role(models.Model):
    """What somebody does in an activity, and who may."""

    activity = models.ForeignKey(Activity, on_delete=models.CASCADE, related_name="roles")
    name = models.CharField(max_length=40)
    duty = models.CharField(max_length=300, default="", blank=True)
    least = models.PositiveSmallIntegerField(default=1)
    most = models.PositiveSmallIntegerField()
    newcomers = models.PositiveSmallIntegerField(
        default=0
    )  # places kept for them until the rule's time before it begins
    min_age = models.PositiveSmallIntegerField(default=14)
    max_age = models.PositiveSmallIntegerField(null=True)  # the insurer's or organiser's, not ours
    ended = models.BooleanField(default=False)  # no place of it in shifts made from now on

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["activity", "name"], name="role_name_once", condition=Q(ended=False)),
            models.CheckConstraint(condition=Q(most__gte=1, least__lte=F("most")), name="role_least_most"),
            models.CheckConstraint(condition=Q(newcomers__lte=F("most")), name="role_newcomers"),
            models.CheckConstraint(condition=Q(max_age=None) | Q(max_age__gte=F("min_age")), name="role_ages"),
        ]

    def __str__(self) -> str:
        return self.name


class RoleSkill(models.Model):
    """What a role asks for, at which level at least."""

    role = models.ForeignKey(Role, on_delete=models.CASCADE, related_name="skills")
    skill = models.ForeignKey("volunteering.Skill", on_delete=models.PROTECT, related_name="+", db_index=False)
    level = models.PositiveSmallIntegerField(default=1)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["role", "skill"], name="role_skill_once"),
            models.CheckConstraint(condition=Q(level__range=(1, 3)), name="role_skill_level"),
        ]

    def __str__(self) -> str:
        return f"{self.role_id} {self.skill_id}"


class Series(models.Model):
    """Shifts that come again by a rule (RFC 5545 RRULE, local times). Shifts changed by hand are left alone."""

    activity = models.ForeignKey(Activity, on_delete=models.CASCADE, related_name="series")
    rule = models.CharField(max_length=200)  # FREQ=WEEKLY;BYDAY=SA
    first = models.DateTimeField()  # start of the first one
    minutes = models.PositiveSmallIntegerField()
    until = models.DateField()  # the last day
    made_to = models.DateField(null=True)  # shifts were made up to this day
    ended = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(minutes__range=(15, 1440)), name="series_minutes"),
        ]

    def __str__(self) -> str:
        return self.rule


# The next shift of an activity is what lists are ordered by: told by the database, whoever writes.
NEXT = """
UPDATE volunteering_activity a SET
  next_at = (SELECT min(s.starts) FROM volunteering_shift s WHERE s.activity_id = a.id AND s.state = 'planned'),
  last_at = (SELECT max(s.ends) FROM volunteering_shift s WHERE s.activity_id = a.id AND s.state <> 'cancelled')
 WHERE a.id = NEW.activity_id;
RETURN NULL;
"""


# Places are not taken away from who holds one, whoever writes.
NOT_BELOW = f"""
IF NEW.most < OLD.most AND (SELECT count(*) FROM volunteering_enrolment WHERE slot_id = NEW.id
     AND state IN ({", ".join(f"'{s}'" for s in HOLDING)})) > NEW.most THEN
  RAISE EXCEPTION 'slot_held' USING ERRCODE = 'check_violation', CONSTRAINT = 'slot_held';
END IF;
RETURN NEW;
"""


class ShiftQuerySet(models.QuerySet["Shift"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(seen_by(actor, "activity__org", "activity__area_path"))

    def public(self) -> Self:
        return self.filter(activity__state__in=("posted", "ended"))


class Shift(models.Model):
    """One time an activity takes place. It is never dated back: it begins after it was written down, save in an
    emergency."""

    activity = models.ForeignKey(Activity, on_delete=models.PROTECT, related_name="shifts")
    series = models.ForeignKey(Series, null=True, on_delete=models.SET_NULL, related_name="shifts")
    day = models.DateField(null=True)  # which of the series it is: also when it was moved by hand
    by_hand = models.BooleanField(default=False)  # changed for itself: an edit of the series leaves it alone
    starts = models.DateTimeField()
    ends = models.DateTimeField()
    state = models.CharField(max_length=10, default="planned")
    emergency = models.BooleanField(default=False)  # as its activity
    made_at = models.DateTimeField()
    opens_at = models.DateTimeField(null=True)  # enrolling begins; null: since it was posted
    closes_at = models.DateTimeField()  # enrolling ends
    draw_at = models.DateTimeField(null=True)  # places are drawn then, among all who asked until then
    draw_mark = models.CharField(max_length=64, default="")  # SHA-256 of the seed, published before anybody asks
    draw_seed = models.CharField(max_length=200, default="")  # sealed until it is drawn, then in plain
    drawn_at = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(null=True)  # metres around the place; null: where somebody is, is not asked
    secret = models.CharField(max_length=200)  # sealed; the codes that change are made from it
    pin = models.CharField(max_length=200, default="")  # sealed; opens the kiosk
    note = models.CharField(max_length=200, default="")  # what is different this time; public
    ended_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=200, default="")

    objects: ClassVar[Any] = ShiftQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["series", "day"], name="shift_of_series_once", condition=~Q(series=None)),
            models.CheckConstraint(
                condition=Q(ends__gt=F("starts"), ends__lte=F("starts") + dt.timedelta(hours=24)), name="shift_period"
            ),
            models.CheckConstraint(
                condition=Q(starts__gt=F("made_at")) | Q(emergency=True, starts__gt=F("made_at") - LATE),
                name="shift_not_dated_back",
            ),
            models.CheckConstraint(condition=Q(closes_at__lte=F("ends")), name="shift_closes"),
            models.CheckConstraint(condition=Q(draw_at=None) | ~Q(draw_mark=""), name="shift_draw_marked"),
            models.CheckConstraint(condition=~Q(state="cancelled") | ~Q(reason=""), name="shift_cancelled_why"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["starts", "id"], name="shift_starts", condition=Q(state="planned")),
            models.Index(fields=["activity", "starts"], name="shift_activity"),
            models.Index(fields=["ends"], name="shift_to_end", condition=Q(state="planned")),
        ]
        triggers: ClassVar[list[Any]] = [
            pgtrigger.Trigger(
                name="next", operation=pgtrigger.Insert | pgtrigger.Update, when=pgtrigger.After, func=NEXT
            ),
            pgtrigger.ReadOnly(name="as_made", fields=["activity", "made_at", "draw_mark"]),
        ]

    def __str__(self) -> str:
        return f"{self.activity_id} {self.starts:%Y-%m-%d %H:%M}"

    @property
    def unit_id(self) -> int:
        """What capability checks read."""
        return self.activity.org_id

    @property
    def area_path(self) -> str:
        return self.activity.area_path


class Slot(models.Model):
    """A role in one shift. How many places are taken is counted when it is asked, never kept."""

    shift = models.ForeignKey(Shift, on_delete=models.CASCADE, related_name="slots")
    role = models.ForeignKey(Role, on_delete=models.PROTECT, related_name="slots")
    least = models.PositiveSmallIntegerField()
    most = models.PositiveSmallIntegerField()
    newcomers = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["shift", "role"], name="slot_once"),
            models.CheckConstraint(condition=Q(least__lte=F("most"), newcomers__lte=F("most")), name="slot_least_most"),
        ]
        triggers: ClassVar[list[Any]] = [
            pgtrigger.Trigger(name="held", operation=pgtrigger.Update, when=pgtrigger.Before, func=NOT_BELOW),
        ]

    def __str__(self) -> str:
        return f"{self.shift_id} {self.role_id}"
