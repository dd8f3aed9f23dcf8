"""What everybody may find: what there is to do, near, and when one can; one activity with its shifts and its report.

Places left are counted in the statement that finds the rows. Where somebody is, is never asked here: a volunteer's
distance is from the middle of the community they registered in, and only they are told.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Case, Count, DateTimeField, F, IntegerField, OuterRef, Q, Subquery, Sum, When
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from heli.core.actor import Actor
from heli.core.errors import NotFound
from heli.core.paging import Page, keyset
from heli.core.scope import covers, within
from heli.core.subjects import Subject
from heli.ledger.models import Service
from heli.places.models import Area
from heli.places.outlines import apart
from heli.volunteering.models import Activity, Condition, Enrolment, Field, Shift, Slot, Volunteer
from heli.volunteering.states import HOLDING
from heli.volunteering.steps.attend import SOURCE

Words = str | Promise
SIZE, LOOKED_AT, SHIFTS = 20, 600, 30
PARTS: Mapping[str, tuple[Words, int, int]] = {  # part of the day: hours from, to
    "0": (pgettext_lazy("part of day", "morning"), 0, 12),
    "1": (pgettext_lazy("part of day", "afternoon"), 12, 18),
    "2": (pgettext_lazy("part of day", "evening"), 18, 24),
}
DAYS: Mapping[str, Words] = {
    "0": gettext_lazy("Monday"), "1": gettext_lazy("Tuesday"), "2": gettext_lazy("Wednesday"), "3": gettext_lazy("Thursday"),
    "4": gettext_lazy("Friday"), "5": gettext_lazy("Saturday"), "6": gettext_lazy("Sunday"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filters:
    """What is looked for: a field of service, a street, a day and part of the week, places left, words."""

    field: str = ""
    area: str = ""
    day: str = ""
    part: str = ""
    free: bool = False
    q: str = ""

    @classmethod
    def read(cls, data: Mapping[str, str]) -> Filters:
        field, area, day, part = (data.get(k, "") for k in ("field", "area", "day", "part"))
        return cls(
            field=field if field in Field.values else "",
            area=area if area.isalnum() and area.isascii() and len(area) <= 24 else "",
            day=day if day in DAYS else "",
            part=part if part in PARTS else "",
            free=data.get("free", "") == "1",
            q=data.get("q", "").strip()[:30],
        )

    def kept(self) -> dict[str, str]:
        said = {k: v for k in ("field", "area", "day", "part", "q") if (v := getattr(self, k))}
        return said | ({"free": "1"} if self.free else {})


def _counted(of: Any, shift: Any, what: Any) -> Any:
    rows = of.filter(shift=shift).order_by().values("shift").annotate(n=what).values("n")
    return Coalesce(Subquery(rows, output_field=IntegerField()), 0)


def with_places(shifts: Any, shift: Any = None) -> Any:
    """`most` and `held` of each row, in the same statement. `shift`: which column is the shift's id."""
    key = shift or OuterRef("pk")
    held = Enrolment.objects.filter(state__in=HOLDING)
    return shifts.annotate(most=_counted(Slot.objects, key, Sum("most")), held=_counted(held, key, Count("pk")))


def to_come(now: dt.datetime, f: Filters | None = None) -> Any:
    """Planned shifts that have not begun and fit what is looked for."""
    rows = Shift.objects.filter(state="planned", starts__gt=now)
    if f is not None:
        if f.day:
            rows = rows.filter(starts__iso_week_day=int(f.day) + 1)
        if f.part:
            _said, since, until = PARTS[f.part]
            rows = rows.filter(starts__hour__gte=since, starts__hour__lt=until)
        if f.free:
            rows = with_places(rows).filter(held__lt=F("most"))
    return rows


def found(f: Filters, now: dt.datetime) -> Any:
    """Posted activities of this county with a shift to come that fits, and that shift: `coming`, `shift_id`, `most`,
    `held`."""
    rows: Any = Activity.objects.filter(
        within("area_path", (settings.HELI_HOME_AREA,)), state="posted", last_at__gt=now
    )
    if f.field:
        rows = rows.filter(field=f.field)
    if f.area:
        rows = rows.filter(within("area_path", (f.area,)))
    if f.q:
        said = Q(title__icontains=f.q) | Q(content__icontains=f.q) | Q(place__icontains=f.q)
        rows = rows.filter(said | Q(org__short_name__icontains=f.q))
    first = to_come(now, f).filter(activity=OuterRef("pk")).order_by("starts", "id")
    starts: Any = Subquery(first.values("starts")[:1], output_field=DateTimeField())
    if not (f.day or f.part or f.free):  # the database knows the next one, unless it has begun already
        starts = Case(When(next_at__gt=now, then=F("next_at")), default=starts, output_field=DateTimeField())
    rows = rows.annotate(
        coming=starts, shift_id=Subquery(first.values("pk")[:1]), until=Subquery(first.values("ends")[:1])
    )
    return with_places(rows.exclude(coming=None), OuterRef("shift_id")).select_related("org", "area")


@dataclass(frozen=True, slots=True)
class Row:
    """One activity of the list: its next shift that fits. `why`: reasons that are this reader's own."""

    id: int
    title: str
    field: Words
    starts: dt.datetime
    ends: dt.datetime
    place: str
    area: str
    org: str
    left: int
    most: int
    emergency: bool
    conditions: list[Words]
    why: tuple[Words, ...] = ()


def row(a: Any) -> Row:
    return Row(
        id=a.pk, title=a.title, field=Field(a.field).label, starts=a.coming, ends=a.until, place=a.place, area=a.area.name,
        org=a.org.short_name, left=max(0, a.most - a.held), most=a.most, emergency=a.emergency,
        conditions=[Condition(c).label for c in a.conditions],
    )  # fmt: skip


def listed(f: Filters, now: dt.datetime, *, after: str | None = None, size: int = SIZE) -> Page[Row]:
    """One page, the next one first. One statement."""
    return keyset(found(f, now), order=("coming", "id"), after=after, size=size).map(row)


def streets() -> list[tuple[str, str]]:
    """(path, name) of the streets of this county. One statement."""
    rows = Area.objects.offered().filter(within("path", (settings.HELI_HOME_AREA,)), level=4)
    return list(rows.order_by("path").values_list("path", "name"))


# For a volunteer (see queries/fitting.py) -----------------------------------------------------------------------------------
def part_of(at: dt.datetime) -> int:
    """Weekday × 3 + part of the day, as a volunteer says when they are free."""
    local = timezone.localtime(at)
    part = next(n for n, (_said, since, until) in enumerate(PARTS.values()) if since <= local.hour < until)
    return local.weekday() * 3 + part


def away(v: Volunteer, a: Any) -> float | None:
    """Kilometres from the middle of the community somebody registered in; None where a point is missing. Pure."""
    if v.area.lat is None or v.area.lon is None or a.lat is None or a.lon is None:
        return None
    return apart(float(v.area.lat), float(v.area.lon), a.lat, a.lon)


def reasons(v: Volunteer, a: Any) -> tuple[int, tuple[Words, ...]]:
    """(how well, why) an activity suits what this volunteer said of themselves: near, when they can, what they like. A plain
    sum; it is shown to them alone, as reasons, and kept nowhere. Pure."""
    score, why, km = 0, [], away(v, a)
    if km is not None and km < 5:
        score += 3 if km < 1 else 2 if km < 3 else 1
        why.append(_("about %(km)s km from %(place)s") % {"km": f"{max(km, 0.1):.1f}", "place": v.area.name})
    elif km is None and covers((v.area_path,), a.area_path):
        score += 3
        why.append(_("in %(place)s") % {"place": v.area.name})
    part = part_of(a.coming)
    if part in v.free:
        score += 3
        day, of = DAYS[str(part // 3)], PARTS[str(part % 3)][0]
        why.append(_("you are free on %(day)s, %(part)s") % {"day": day, "part": of})
    if a.field in v.fields:
        score += 2
        why.append(_("you chose: %(field)s") % {"field": Field(a.field).label})
    return score, tuple(why)


# One activity ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Places:
    """A role in one shift."""

    slot_id: int
    role: str
    duty: str
    most: int
    left: int
    kept: int  # of those left, for newcomers
    least: int


@dataclass(frozen=True, slots=True)
class Time:
    """A shift to come, with its places by role. `open`: one can enrol now."""

    shift: Shift
    places: tuple[Places, ...]
    open: bool

    @property
    def left(self) -> int:
        return sum(p.left for p in self.places)


@dataclass(frozen=True, slots=True)
class Shown:
    """An activity as everybody may read it."""

    a: Activity
    field: Words
    conditions: list[Words]
    times: list[Time]
    more: int  # shifts to come that are not in `times`
    roles: list[Any]
    over: int  # shifts that took place
    minutes: int = 0  # of service that were recorded, of all together; counted once it has ended

    @property
    def hours(self) -> str:
        return f"{round(self.minutes / 60, 1):g}"


def times_of(shifts: Any, now: dt.datetime) -> list[Time]:
    """Shifts with their places. Three statements, whatever their number."""
    rows = list(shifts.prefetch_related("slots__role"))
    held = dict(
        Enrolment.objects.filter(shift__in=rows, state__in=HOLDING)
        .order_by().values_list("slot").annotate(n=Count("pk"))
    )  # fmt: skip
    made = []
    for shift in rows:
        places = tuple(
            Places(
                slot.pk, slot.role.name, slot.role.duty, slot.most, left := max(0, slot.most - held.get(slot.pk, 0)),
                min(left, slot.newcomers), slot.least,
            )
            for slot in sorted(shift.slots.all(), key=lambda x: x.role_id)
        )  # fmt: skip
        can = shift.state == "planned" and now < shift.closes_at and (shift.opens_at is None or shift.opens_at <= now)
        made.append(Time(shift, places, can))
    return made


def public(activity_id: int) -> Activity:
    """A posted or ended activity; NotFound (L-404). One statement."""
    rows = Activity.objects.public().select_related("org", "area", "site", "leader", "guide")
    one: Activity | None = rows.filter(pk=activity_id).first()
    if one is None:
        raise NotFound
    return one


def shown(activity_id: int, now: dt.datetime, *, most: int = SHIFTS) -> Shown:
    """One activity for everybody; NotFound (L-404) for one that is not posted. Seven statements at most."""
    a = public(activity_id)
    coming = a.shifts.filter(state="planned", ends__gt=now).order_by("starts", "id")
    counts = a.shifts.aggregate(
        coming=Count("pk", filter=Q(state="planned", ends__gt=now)), over=Count("pk", filter=Q(state="over"))
    )
    times = times_of(coming[:most], now)
    roles = list(a.roles.filter(ended=False).order_by("id").prefetch_related("skills__skill"))
    labels: list[Words] = [Condition(c).label for c in a.conditions]
    given = minutes_given(a.pk) if a.state == "ended" else 0
    more = max(0, counts["coming"] - len(times))
    return Shown(a, Field(a.field).label, labels, times, more, roles, counts["over"], given)


def minutes_given(activity_id: int) -> int:
    """Minutes of service recorded for an activity, of everybody together. One statement."""
    places = Enrolment.objects.filter(shift__activity=activity_id, state="attended")
    rows = Service.objects.filter(source_type=SOURCE, source_id__in=places.values("pk"))
    return int(rows.aggregate(n=Sum("credited"))["n"] or 0)


def feed(activity_id: int, *, most: int = 400) -> tuple[Activity, list[Shift]]:
    """An activity and its shifts for a calendar, cancelled ones too, so that calendars take them out. Two statements."""
    a = public(activity_id)
    return a, list(a.shifts.order_by("-starts", "id")[:most])


def describe_activities(ids: list[int], actor: Actor) -> dict[int, Subject]:
    """Activities in words, with the way to the page this actor has (see core.subjects). One statement."""
    mine = set(Activity.objects.visible_to(actor).filter(pk__in=ids).values_list("pk", flat=True)) if ids else set()
    rows = Activity.objects.filter(Q(pk__in=mine) | Q(state__in=("posted", "ended")), pk__in=ids)
    return {
        a.pk: Subject(a.title, reverse("volunteering:one" if a.pk in mine else "volunteering:activity", args=[a.pk]))
        for a in rows
    }
