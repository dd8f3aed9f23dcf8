"""The organiser's desk: what to do next, one's activities; and the desk of those who look at plans."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, F, IntegerField, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.cards import NextAct
from heli.core.errors import NotFound
from heli.core.export import Column
from heli.core.models import Event
from heli.core.paging import Page, keyset
from heli.core.scope import within
from heli.orgs.models import Organisation
from heli.rulebook import queries as rulebook
from heli.rulebook.queries import RuleVersion
from heli.volunteering.models import Activity, Enrolment, Field, Shift, Slot
from heli.volunteering.queries.activities import Time, times_of
from heli.volunteering.queries.kind import concerns_of
from heli.volunteering.states import HOLDING, LIVE
from heli.volunteering.steps.checks import RULES, Check, checks
from heli.volunteering.steps.shared import SUBJECT, rules

Words = str | Promise
THIN, LOOK = "activity.thin", "activity.emergency_look"
CHIPS: Mapping[str, tuple[str, Words]] = {
    "draft": ("doing", pgettext_lazy("activity", "draft")),
    "review": ("pause", pgettext_lazy("activity", "being looked at")),
    "posted": ("", pgettext_lazy("activity", "posted")),
    "ended": ("done", pgettext_lazy("activity", "ended")),
    "cancelled": ("pause", pgettext_lazy("activity", "cancelled")),
}


@dataclass(frozen=True, slots=True)
class Group:
    """One kind of work on the desk."""

    title: Words
    words: Words
    state: str  # of the look


GROUPS: Mapping[str, Group] = {
    "back": Group(
        gettext_lazy("Better a plan that came back"), gettext_lazy("somebody looked at it and said why"), "back"
    ),
    "thin": Group(gettext_lazy("Find more people"), gettext_lazy("shifts that begin soon with too few"), "soon"),
    "report": Group(pgettext_lazy("activity", "Say what came of it"), gettext_lazy("the last shift is over"), "you"),
    "draft": Group(gettext_lazy("Finish a draft"), gettext_lazy("written down, not sent on"), "doing"),
}
STATES: Mapping[str, tuple[Words, tuple[str, ...]]] = {
    "going": (pgettext_lazy("activities", "going on"), ("draft", "review", "posted")),
    "ended": (pgettext_lazy("activities", "ended"), ("ended",)),
    "cancelled": (pgettext_lazy("activities", "cancelled"), ("cancelled",)),
    "template": (pgettext_lazy("activities", "templates"), ("draft",)),
}
HELD: Any = (
    Enrolment.objects.filter(slot=OuterRef("pk"), state__in=HOLDING).order_by().values("slot").annotate(n=Count("pk"))
)


def units_of(actor: Actor) -> tuple[int, ...]:
    return actor.org_ids(Cap.LEAD_TEAM)


def thin_slots(now: dt.datetime, days: int) -> Any:
    """Places of shifts that begin within so many days where fewer than the least have a place."""
    soon = {"shift__state": "planned", "shift__starts__gt": now, "shift__starts__lt": now + dt.timedelta(days=days)}
    held = Coalesce(Subquery(HELD.values("n"), output_field=IntegerField()), 0)
    return Slot.objects.filter(**soon).annotate(held=held).filter(held__lt=F("least"))


def _path(actor: Actor, cap: Cap) -> str:
    return next(iter(actor.paths(cap)), "")


def thin_days(actor: Actor, now: dt.datetime) -> int:
    """The rule where the actor works. One statement."""
    return int(rules(_path(actor, Cap.LEAD_TEAM), (THIN,), now)[THIN].value)


def group_of(name: str, now: dt.datetime, days: int) -> Q:
    """The rows of a group."""
    thin = thin_slots(now, days).filter(shift__activity=OuterRef("pk"))
    return {
        "back": Q(state="draft") & ~Q(reason=""),
        "draft": Q(state="draft", reason=""),
        "report": Q(state="posted", last_at__lt=now),
        "thin": Q(Exists(thin), state="posted"),
    }[name] & Q(template=False)


def counts(actor: Actor, now: dt.datetime) -> dict[str, int]:
    """How many of the actor's organisations wait in each group. Two statements."""
    days = thin_days(actor, now)
    rows = Activity.objects.filter(org__in=units_of(actor), state__in=("draft", "posted"))
    n: dict[str, int] = rows.aggregate(**{name: Count("pk", filter=group_of(name, now, days)) for name in GROUPS})
    return n


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list shows: a group of work, or states; a field of service; words."""

    do: str = ""
    state: str = ""
    field: str = ""
    q: str = ""

    @classmethod
    def read(cls, data: Mapping[str, str]) -> Filters:
        do, state, field = (data.get(k, "") for k in ("do", "state", "field"))
        return cls(
            do=do if do in GROUPS else "",
            state=state if state in STATES else "",
            field=field if field in Field.values else "",
            q=data.get("q", "").strip()[:30],
        )

    def kept(self) -> dict[str, str]:
        return {k: v for k in ("do", "state", "field", "q") if (v := getattr(self, k))}


@dataclass(frozen=True, slots=True)
class Row:
    """An activity in the list."""

    a: Any
    chip: tuple[str, Words]
    field: Words


def found(actor: Actor, f: Filters, now: dt.datetime) -> Any:
    """The activities of the list: those of the actor's own organisations, templates only where they are asked for."""
    rows = Activity.objects.filter(org__in=units_of(actor), template=f.state == "template")
    if f.do:
        rows = rows.filter(group_of(f.do, now, thin_days(actor, now)))
    if f.state:
        rows = rows.filter(state__in=STATES[f.state][1])
    if f.field:
        rows = rows.filter(field=f.field)
    if f.q:
        rows = rows.filter(Q(title__icontains=f.q) | Q(place__icontains=f.q))
    planned = Count("shifts", filter=Q(shifts__state="planned", shifts__starts__gt=now))
    over = Count("shifts", filter=Q(shifts__state="over"))
    return rows.select_related("org", "area", "leader").annotate(planned=planned, over=over)


def row(a: Any) -> Row:
    chip = CHIPS[a.state]
    if a.state == "draft" and a.reason:
        chip = ("back", pgettext_lazy("activity", "sent back"))
    if a.template:
        chip = ("", pgettext_lazy("activity", "template"))
    return Row(a, chip, Field(a.field).label)


def desk(actor: Actor, f: Filters, now: dt.datetime, *, after: str | None = None, size: int = 30) -> Page[Row]:
    """One page, newest first. Two statements at most."""
    return keyset(found(actor, f, now), order=("-id",), after=after, size=size).map(row)


def columns() -> Sequence[Column[Row]]:
    """Of the exported list: nobody who is enrolled, nobody who was served."""
    return [
        (_("Activity"), lambda r: r.a.title),
        (_("Field of service"), lambda r: str(r.field)),
        (_("Organisation"), lambda r: r.a.org.name),
        (_("Who answers for it"), lambda r: str(r.a.leader)),
        (_("Area"), lambda r: r.a.area.name),
        (pgettext_lazy("activity", "Place"), lambda r: r.a.place),
        (_("State"), lambda r: str(r.chip[1])),
        (_("Next shift"), lambda r: r.a.next_at),
        (_("Shifts to come"), lambda r: r.a.planned),
        (_("Shifts that took place"), lambda r: r.a.over),
        (_("Posted"), lambda r: r.a.posted_at),
        (_("People served"), lambda r: r.a.served),
        (pgettext_lazy("activity", "What came of it"), lambda r: r.a.came_of_it),
    ]


# One activity for its organisers and reviewers -------------------------------------------------------------------------------
def one(actor: Actor, activity_id: int) -> Activity:
    """An activity of the actor's organisations or areas; NotFound (L-404). One statement."""
    rows = Activity.objects.visible_to(actor).select_related(
        "org", "area", "site", "leader", "guide", "made_by", "reviewed_by", "request"
    )
    found: Activity | None = rows.filter(pk=activity_id).first()
    if found is None:
        raise NotFound
    return found


def leads(actor: Actor, a: Activity) -> bool:
    return actor.can(Cap.LEAD_TEAM, org_id=a.org_id)


def looks(actor: Actor, a: Activity) -> bool:
    """Whether the actor looks at this plan: they may here, and did not write it."""
    mine = actor.user_id in {a.made_by_id, a.changed_by_id, a.leader_id}
    return actor.can(Cap.REVIEW_ACTIVITIES, path=a.area_path) and not mine


def asked_of(a: Activity, now: dt.datetime) -> list[Check]:
    """What the rules ask of its plan. Three statements."""
    found = rules(a.area_path, RULES, now)
    return checks(a, list(a.roles.all()), list(a.shifts.filter(state="planned", starts__gt=now)), found, now)


def times(a: Activity, now: dt.datetime, *, most: int = 60) -> list[Time]:
    """Shifts that are not over, the next one first; what is cancelled is shown as such. Three statements."""
    rows = a.shifts.filter(ends__gt=now - dt.timedelta(days=7)).exclude(state="over").order_by("starts", "id")
    return times_of(rows[:most], now)


def shift_of(actor: Actor, shift_id: int) -> Shift:
    """A shift with its activity; NotFound (L-404). One statement."""
    shift: Shift | None = Shift.objects.visible_to(actor).select_related("activity__org").filter(pk=shift_id).first()
    if shift is None:
        raise NotFound
    return shift


def enrolled(shift: Shift) -> int:
    """How many hold a place or wait. One statement."""
    return Enrolment.objects.filter(shift=shift, state__in=LIVE).count()


def history(a: Activity) -> list[Event]:
    """What happened, newest first. One statement."""
    rows = Event.objects.filter(subject_type=SUBJECT, subject_id=a.pk)
    return list(rows.order_by("-at", "-id")[:60])


def organisations(actor: Actor) -> list[Organisation]:
    """Open organisations for which the actor leads. One statement."""
    return list(Organisation.objects.filter(pk__in=units_of(actor), closed_at=None).order_by("id"))


# Those who look at plans ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ToLook:
    """An emergency that was posted and nobody has looked at yet. `due`: by the rule."""

    a: Activity
    due: dt.datetime
    late: bool


def to_review(actor: Actor) -> Any:
    """Plans of the actor's areas that wait, the oldest first."""
    rows = Activity.objects.filter(within("area_path", actor.paths(Cap.REVIEW_ACTIVITIES)), state="review")
    return rows.select_related("org", "area", "made_by").order_by("made_at", "id")


def unlooked(actor: Actor) -> Any:
    rows = Activity.objects.filter(
        within("area_path", actor.paths(Cap.REVIEW_ACTIVITIES)), emergency=True, reviewed_at=None
    )
    return rows.filter(state__in=("posted", "ended")).select_related("org", "area").order_by("posted_at", "id")


def look_by(actor: Actor, now: dt.datetime) -> tuple[RuleVersion, Any]:
    """The rule of emergencies where the actor works, with the calendar it needs. One statement."""
    path = _path(actor, Cap.REVIEW_ACTIVITIES)
    found, calendar = rulebook.with_calendar((LOOK,), path=path, at=now, days=30)
    return found[LOOK], calendar


def emergencies(actor: Actor, now: dt.datetime) -> list[ToLook]:
    """With the time until which each is looked at. Two statements."""
    rule, calendar = look_by(actor, now)
    made = []
    for a in unlooked(actor)[:100]:
        due = calendar.due(a.posted_at, rule.value["amount"], rule.value["unit"]).at
        made.append(ToLook(a, due, due < now))
    return made


def review(actor: Actor, *, after: str | None = None, size: int = 30) -> Page[Any]:
    """One page of plans that wait. One statement."""
    return keyset(to_review(actor), order=("made_at", "id"), after=after, size=size)


# The staff's first page ------------------------------------------------------------------------------------------------------
def next_acts(actor: Actor, now: dt.datetime) -> list[NextAct]:
    """Two statements for who leads, four for who looks at plans."""
    made: list[NextAct] = []
    if units_of(actor):
        n, url = counts(actor, now), reverse("volunteering:activity_desk")
        made += [
            NextAct(g.title, g.words, n[name], f"{url}?{urlencode({'do': name})}", g.state)
            for name, g in GROUPS.items()
            if n[name]
        ]
    if Cap.REVIEW_ACTIVITIES in actor.caps:
        url, waiting, open_ones = reverse("volunteering:review"), to_review(actor).count(), emergencies(actor, now)
        if waiting:
            made.append(NextAct(_("Look at plans of activities"), _("before they are posted"), waiting, url, "soon"))
        if worries := concerns_of(actor).filter(state="open").count():
            said, there = _("somebody was not safe, says who served"), reverse("volunteering:concerns")
            made.append(NextAct(_("Look at worries of volunteers"), said, worries, there, "late"))
        if open_ones:
            late = any(x.late for x in open_ones)
            said = _("posted at once; a second person looks afterwards")
            made.append(NextAct(_("Look at emergencies"), said, len(open_ones), url, "late" if late else "soon"))
    return made
