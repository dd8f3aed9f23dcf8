"""Reads for doubts and disputes: the desk, one service, a person's own, the public page of the rules."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Min, OuterRef, Prefetch, Q, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, npgettext, pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.cards import NextAct
from heli.core.errors import NotFound
from heli.core.export import Column
from heli.core.models import StoredFile
from heli.core.paging import Page, keyset
from heli.core.scope import within
from heli.ledger import doubt_steps
from heli.ledger.doubt_models import UNDECIDED, Dispute, Flag, FlagAnswer
from heli.ledger.doubts import BY_ID, CLASSES, RULES, WATCH_ONLY, Class, Known
from heli.ledger.models import Service
from heli.rulebook import queries as rulebook
from heli.rulebook.queries import RuleVersion

Words = str | Promise
STAFF = (Cap.REVIEW_HOURS, Cap.RECORD_HOURS)
FLAG_CHIP: Mapping[str, tuple[str, Words]] = {
    "open": ("you", pgettext_lazy("flag", "asked")),
    "answered": ("doing", pgettext_lazy("flag", "answered")),
    "upheld": ("late", pgettext_lazy("flag", "the doubt was right")),
    "dismissed": ("done", pgettext_lazy("flag", "the doubt was wrong")),
}
DISPUTE_CHIP: Mapping[str, tuple[str, Words]] = {
    "open": ("doing", pgettext_lazy("dispute", "the unit looks")),
    "declined": ("you", pgettext_lazy("dispute", "the unit changes nothing")),
    "second": ("doing", pgettext_lazy("dispute", "a second one looks")),
    "corrected": ("done", pgettext_lazy("dispute", "corrected")),
    "refused": ("pause", pgettext_lazy("dispute", "stays as it is")),
    "withdrawn": ("pause", pgettext_lazy("dispute", "taken back")),
}
TABS: Mapping[str, Words] = {
    "held": gettext_lazy("Held hours"),
    "hints": gettext_lazy("Hints"),
    "decided": gettext_lazy("Decided"),
}
DISPUTES: Mapping[str, tuple[Words, tuple[str, ...]]] = {
    "todo": (gettext_lazy("to answer"), ("open", "second")),
    "declined": (gettext_lazy("with the person"), ("declined",)),
    "ended": (pgettext_lazy("dispute", "ended"), ("corrected", "refused", "withdrawn")),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A doubt as it is read: its rule, the sentence with its figure, the state."""

    flag: Flag
    rule: Known
    words: str
    chip: tuple[str, Words]


def shown(flag: Flag) -> Shown:
    rule = BY_ID[flag.rule]
    return Shown(flag, rule, str(rule.why) % {"found": flag.found}, FLAG_CHIP[flag.state])


@dataclass(frozen=True, slots=True)
class Held:
    """Held hours on the desk. `others`: how many of the same shift wait with it."""

    service: Service
    flags: list[Shown]
    answers: list[FlagAnswer]
    minutes: int
    due_at: dt.datetime
    late: bool
    mine: bool  # may be decided by the reader
    shift: str


@dataclass(frozen=True, slots=True)
class Filters:
    rule: str = ""
    shift: str = ""  # org-number of the shift
    late: bool = False
    q: str = ""

    @classmethod
    def read(cls, data: Mapping[str, str]) -> Filters:
        rule, shift = data.get("rule", ""), data.get("shift", "")
        whole = shift.replace("-", "", 1)
        return cls(
            rule if rule in BY_ID else "",
            shift if whole.isascii() and whole.isdecimal() and "-" in shift and len(shift) < 32 else "",
            data.get("late") == "1",
            data.get("q", "").strip()[:40],
        )

    def kept(self) -> bool:
        return bool(self.rule or self.shift or self.late or self.q)


def held(actor: Actor, f: Filters, now: dt.datetime) -> Any:
    """Held services in sight of the actor as staff, each with the day by which to decide."""
    seen = within("area_path", actor.paths(Cap.REVIEW_HOURS)) | Q(org__in=actor.org_ids(Cap.RECORD_HOURS))
    open_flags = Flag.objects.filter(service=OuterRef("pk"), state__in=UNDECIDED, hint=False)
    due = open_flags.order_by().values("service").annotate(n=Min("due_at")).values("n")
    rows = Service.objects.filter(seen, state="held").annotate(due=Coalesce(Subquery(due), F("decided_at")))
    if f.rule:
        rows = rows.filter(pk__in=Flag.objects.filter(rule=f.rule, state__in=UNDECIDED, hint=False).values("service"))
    if f.shift:
        org, _dash, shift = f.shift.partition("-")
        rows = rows.filter(org=int(org), facts__shift=int(shift))
    if f.late:
        rows = rows.filter(due__lt=now)
    if f.q:
        rows = rows.filter(Q(title__icontains=f.q) | Q(org__name__icontains=f.q))
    return rows.select_related("org", "person__user")


def with_flags(rows: Any) -> Any:
    answered = Flag.objects.filter(hint=False).order_by("pk").prefetch_related("answers")
    return rows.prefetch_related(Prefetch("flags", answered))


def desk(actor: Actor, f: Filters, now: dt.datetime, *, after: str | None = None, size: int = 30) -> Page[Held]:
    """What waits for a decision, by its day. Three statements."""
    page = keyset(with_flags(held(actor, f, now)), order=("due", "id"), after=after, size=size)
    return page.map(lambda x: as_held(actor, x, x.due, now))


def as_held(actor: Actor, service: Any, due: dt.datetime | None, now: dt.datetime) -> Held:
    flags = [x for x in service.flags.all() if x.state in UNDECIDED]
    answers = {(a.text, a.at): a for x in flags for a in x.answers.all()}
    shift = service.facts.get("shift")
    return Held(
        service, [shown(x) for x in flags], sorted(answers.values(), key=lambda a: a.at),
        (service.held or {}).get("minutes", 0), due or now, due is not None and due < now, may_decide(actor, service),
        f"{service.org_id}-{shift}" if isinstance(shift, int) else "",
    )  # fmt: skip


def may_decide(actor: Actor, service: Any) -> bool:
    """Whether the actor is the second person for these hours (the step asks again)."""
    mine = actor.user_id in {service.person.user_id, service.decided_by, (service.held or {}).get("by")}
    return (
        not mine
        and actor.can(Cap.REVIEW_HOURS, path=service.area_path)
        and not any(g.org_id == service.org_id for g in actor.grants)
    )


def hints(actor: Actor, *, after: str | None = None) -> Page[Shown]:
    """Hints for staff that nobody looked at. One statement."""
    rows = Flag.objects.visible_to(actor).filter(hint=True, state__in=UNDECIDED).select_related("org", "service")
    return keyset(rows, order=("due_at", "id"), after=after, size=30).map(shown)


def decided(actor: Actor, *, rule: str = "", after: str | None = None) -> Page[Shown]:
    """What was decided, the latest first. One statement."""
    rows = Flag.objects.visible_to(actor).filter(decided_at__isnull=False).select_related("org", "service")
    if rule:
        rows = rows.filter(rule=rule)
    return keyset(rows, order=("-decided_at", "-id"), after=after, size=30).map(shown)


@dataclass(frozen=True, slots=True)
class One:
    """Held hours, or hours that were, on a page of their own."""

    service: Service
    flags: list[Shown]
    answers: list[FlagAnswer]
    rows: list[Service]  # where the doubts were seen besides
    own: bool
    unit: bool
    decides: bool
    open: bool


def one(actor: Actor, service_id: int) -> One:
    """NotFound (L-404) for whoever may not see it. The person sees their own hours and no one else's. Five statements."""
    rows = Service.objects.visible_to(actor).select_related("org", "person__user").filter(pk=service_id)
    service = with_flags(rows).first()
    if service is None:
        raise NotFound
    own = actor.user_id is not None and service.person.user_id == actor.user_id
    flags = list(service.flags.all())
    answers = {(a.text, a.at): a for x in flags for a in x.answers.all()}
    near: list[Service] = []
    if not own:
        ids = {pk for x in flags for pk in x.inputs.get("rows", ())}
        near = list(
            Service.objects.visible_to(actor)
            .filter(pk__in=ids)
            .select_related("person__user")
            .order_by("starts", "id")[:50]
        )
    unit = actor.can(Cap.RECORD_HOURS, org_id=service.org_id)
    return One(
        service, [shown(x) for x in flags], sorted(answers.values(), key=lambda a: a.at), near, own, unit and not own,
        service.state == "held" and may_decide(actor, service), service.state == "held",
    )  # fmt: skip


def paper_of(actor: Actor, service_id: int, file_id: Any) -> StoredFile:
    """A photo or PDF that somebody added to an answer or a dispute about these hours; NotFound (L-404)."""
    seen = Service.objects.visible_to(actor).filter(pk=service_id).exists()
    named = (
        FlagAnswer.objects.filter(paper=file_id, flag__service=service_id).exists()
        or Dispute.objects.visible_to(actor).filter(paper=file_id, service=service_id).exists()
    )
    row = StoredFile.objects.filter(pk=file_id, subject_type="ledger.service", subject_id=service_id).first()
    if not seen or not named or row is None:
        raise NotFound
    return row


def to_export(actor: Actor, f: Filters, now: dt.datetime, most: int) -> list[Held]:
    return [as_held(actor, x, x.due, now) for x in with_flags(held(actor, f, now).order_by("due", "id"))[:most]]


HELD_COLUMNS: list[Column[Held]] = [
    (gettext_lazy("Activity"), lambda x: x.service.title),
    (gettext_lazy("Unit"), lambda x: x.service.org.name),
    (gettext_lazy("Begins"), lambda x: x.service.starts),
    (gettext_lazy("Minutes"), lambda x: x.minutes),
    (gettext_lazy("Why"), lambda x: "；".join(f"{y.rule.title}：{y.words}" for y in x.flags)),
    (gettext_lazy("Answer"), lambda x: "；".join(a.text for a in x.answers)),
    (gettext_lazy("Decide by"), lambda x: x.due_at),
]
DISPUTE_COLUMNS: list[Column[Dispute]] = [
    (pgettext_lazy("dispute", "What"), lambda d: d.get_about_display()),
    (gettext_lazy("Activity"), lambda d: d.service.title if d.service else ""),
    (gettext_lazy("Unit"), lambda d: d.org.name),
    (pgettext_lazy("hours", "Day"), lambda d: d.day),
    (gettext_lazy("Minutes"), lambda d: d.minutes),
    (gettext_lazy("Answer by"), lambda d: d.due_at),
    (gettext_lazy("State"), lambda d: str(DISPUTE_CHIP[d.state][1])),
]


# Disputes -------------------------------------------------------------------------------------------------------------
def disputes(
    actor: Actor, state: str, late: bool, now: dt.datetime, *, after: str | None = None, size: int = 30
) -> Page[Dispute]:
    """Of the units one records for and the areas one reviews, by deadline. One statement."""
    seen = within("area_path", actor.paths(Cap.REVIEW_HOURS)) | Q(org__in=actor.org_ids(Cap.RECORD_HOURS))
    rows = Dispute.objects.filter(seen, state__in=DISPUTES[state][1]).select_related("org", "service", "person__user")
    if late:
        rows = rows.filter(due_at__lt=now)
    return keyset(rows, order=("due_at", "id"), after=after, size=size)


def dispute(actor: Actor, dispute_id: int) -> Dispute:
    """NotFound (L-404). One statement."""
    rows = Dispute.objects.visible_to(actor).select_related("org", "service", "person__user", "due_rule")
    found: Dispute | None = rows.filter(pk=dispute_id).first()
    if found is None:
        raise NotFound
    return found


def dispute_acts(actor: Actor, d: Dispute, now: dt.datetime) -> list[str]:
    """What this person may do with it now; the steps ask again."""
    if d.person.user_id == actor.user_id:
        return {"open": ["withdraw"], "declined": ["object", "withdraw"], "second": ["withdraw"]}.get(d.state, [])
    unit = actor.can(Cap.RECORD_HOURS, org_id=d.org_id)
    stuck = d.service is not None and d.service.state in {"held", "refused"}
    second = (
        actor.can(Cap.REVIEW_HOURS, path=d.area_path)
        and d.first_by != actor.user_id
        and not any(g.org_id == d.org_id for g in actor.grants)
    )
    if d.state == "open":
        acts = (["decline"] if stuck else ["accept", "decline"]) if unit else []
        return acts + (["take"] if second and (stuck or d.due_at < now) else [])
    return ["grant", "reject"] if d.state == "second" and second else []


def my_service(actor: Actor, service_id: int) -> Service:
    """One's own; NotFound (L-404)."""
    rows = Service.objects.select_related("org").filter(pk=service_id, person__user=actor.user_id)
    found: Service | None = rows.first() if actor.user_id is not None else None
    if found is None:
        raise NotFound
    return found


@dataclass(frozen=True, slots=True)
class Mine:
    """Of one's own: what is held and why, and what one said was wrong."""

    held: list[Held]
    disputes: list[Dispute]
    recent: list[Service]


def mine(actor: Actor, now: dt.datetime) -> Mine:
    """One's own held hours, disputes, and the latest services one may say something of. Five statements."""
    own = Service.objects.filter(person__user=actor.user_id).select_related("org", "person__user")
    waiting = with_flags(own.filter(state="held").order_by("-starts", "-id"))[:30]
    said = Dispute.objects.filter(person__user=actor.user_id).select_related("org", "service").order_by("-made_at")[:30]
    recent = own.filter(state__in=("attended", "approved", "refused"), starts__lt=now).order_by("-starts", "-id")[:30]
    return Mine([as_held(actor, x, None, now) for x in waiting], list(said), list(recent))


# Rules, in public -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Public:
    """A rule as anybody may read it: its class now, its row, how often it was right. No names."""

    rule: Known
    kind: Words
    row: RuleVersion | None
    watched: bool
    open: int
    decided: int
    upheld: int
    review: bool

    @property
    def precision(self) -> int | None:
        return round(self.upheld * 100 / self.decided) if self.decided else None


def public_rules(path: str, at: dt.datetime) -> list[Public]:
    """Every rule of doubt with its health. As many statements as there are rules, and four."""
    on = timezone.localtime(at).date()
    keys = [*{r.key for r in RULES if r.key}, WATCH_ONLY, doubt_steps.HEALTH]
    rows = rulebook.choose(rulebook.candidates(keys, path, on), {})
    watched = rows[WATCH_ONLY].value if WATCH_ONLY in rows else []
    below = int(rows[doubt_steps.HEALTH].value["review"]) if doubt_steps.HEALTH in rows else 0
    waiting = dict(Flag.objects.filter(state__in=UNDECIDED).values_list("rule").annotate(n=Count("pk")).order_by())
    health = doubt_steps.health(at)
    return [
        Public(
            r, CLASSES[Class.WATCH if r.id in watched else r.kind], rows.get(r.key), r.id in watched, waiting.get(r.id, 0),
            n, upheld, bool(n) and upheld * 100 < n * below,
        )
        for r in RULES
        for n, upheld in (health[r.id],)
    ]  # fmt: skip


# The first page -------------------------------------------------------------------------------------------------------
def next_acts(actor: Actor, now: dt.datetime) -> list[NextAct]:
    """Held hours for reviewers, disputes for units and reviewers. Two statements at most, none for others."""
    made: list[NextAct] = []
    paths, units = actor.paths(Cap.REVIEW_HOURS), actor.org_ids(Cap.RECORD_HOURS)
    own = [g.org_id for g in actor.grants if g.org_id is not None]
    if paths:
        rows = Service.objects.filter(within("area_path", paths), state="held").exclude(org__in=own)
        open_ = Q(flags__state__in=UNDECIDED, flags__hint=False)
        n = rows.aggregate(
            all=Count("pk", distinct=True), late=Count("pk", filter=open_ & Q(flags__due_at__lt=now), distinct=True)
        )
        said = _late(n["late"]) or _("a rule asks: was it so?")
        made.append(
            NextAct(_("Doubtful hours"), said, n["all"], reverse("ledger:doubts"), "late" if n["late"] else "soon")
        )
    if paths or units:
        first = Q(org__in=units, state="open")
        second = (within("area_path", paths) & ~Q(org__in=own)) & (Q(state="second") | Q(state="open", due_at__lt=now))
        n = Dispute.objects.filter(first | second).aggregate(
            all=Count("pk"), late=Count("pk", filter=Q(due_at__lt=now))
        )
        said = _late(n["late"]) or _("somebody says their hours are wrong")
        made.append(
            NextAct(_("Hours in dispute"), said, n["all"], reverse("ledger:disputes"), "late" if n["late"] else "doing")
        )
    return made


def _late(n: int) -> str:
    return npgettext("hours", "%(n)s is past its time", "%(n)s are past their time", n) % {"n": n} if n else ""
