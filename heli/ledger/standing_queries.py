"""Reading stars, perks and stored hours. Every figure is replayed; no list is in the order of hours, and none compares
people."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Func, IntegerField, Max, Prefetch, Q, QuerySet, Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.cards import NextAct
from heli.core.errors import NotFound
from heli.core.export import Column
from heli.core.paging import Page, keyset
from heli.core.scope import ancestors, within
from heli.ledger.models import Entry, Kind, Person, Service
from heli.ledger.standing import Bank, Line, Stars, bank, in_force, reckon
from heli.ledger.standing_models import LIVE, Award, Objection, Perk, Spending, Taken, Withdrawal
from heli.ledger.states import GIVER
from heli.rulebook.models import Rule
from heli.rulebook.queries import COLUMNS, RuleVersion, area_names, chain

Words = str | Promise
STARS, PUBLICITY, RATE, CAP = "ledger.stars", "ledger.stars.publicity", "ledger.timebank.rate", "ledger.timebank.cap"
CODE_DAYS = "ledger.perk.code"
COUNTY = 6  # digits: stars and time banks are a county's


# Replay ---------------------------------------------------------------------------------------------------------------
def lines(persons: Collection[int], area_path: str) -> dict[int, list[Line]]:
    """The approvals of these persons in an area and what took some back, in the order of the account. One statement."""
    rows: Any = Entry.objects.filter(
        within("service__area_path", [area_path]),
        service__person__in=persons,
        kind__in=(Kind.APPROVED, Kind.REVERSED),
    )
    rows = rows.order_by("pk").values_list(
        "service__person",
        "pk",
        "kind",
        "minutes",
        "starts",
        "facts__field",
        "facts__title",
        "facts__unit",
        "supersedes",
    )
    made: dict[int, list[Line]] = {pk: [] for pk in persons}
    for person, pk, kind, minutes, starts, field, title, unit, supersedes in rows:
        day = timezone.localdate(starts)
        made[person].append(
            Line(pk, kind == Kind.APPROVED, minutes, day, field or "", title or "", unit or "", supersedes)
        )
    return made


def versions(keys: Iterable[str], paths: Iterable[str]) -> dict[str, list[RuleVersion]]:
    """All versions of rules that hold or held in these areas, by key. One statement."""
    wanted = {p for path in paths for p in chain(path)}
    rows = Rule.objects.filter(key__in=list(keys), area_path__in=wanted, applies_to={}).values_list(*COLUMNS)
    made: defaultdict[str, list[RuleVersion]] = defaultdict(list)
    for row in rows:
        found = RuleVersion(*row)
        made[found.key].append(found)
    return made


def here(rows: Iterable[RuleVersion], path: str) -> list[RuleVersion]:
    """Of versions of several areas those that hold in one."""
    return [r for r in rows if r.area_path in chain(path)]


def account(
    of: Sequence[Line], rules: Mapping[str, Sequence[RuleVersion]], path: str, day: dt.date, spent: int
) -> Bank | None:
    """The time bank of somebody; None where there is none and was none: no rate stores anything."""
    rates = here(rules[RATE], path)
    cap = in_force(here(rules[CAP], path), day)
    if cap is None or not any(any(r.value.values()) for r in rates):
        return None
    return bank(of, rates, cap.value * 60, spent)


def balance(person_id: int, area_path: str, at: dt.datetime) -> int:
    """Minutes that lie in the bank now. Three statements; whoever acts on it has locked the person."""
    spent = Withdrawal.objects.filter(person=person_id, area_path=area_path).aggregate(n=Sum("minutes"))["n"] or 0
    rules = versions([RATE, CAP], [area_path])
    found = account(lines([person_id], area_path)[person_id], rules, area_path, timezone.localdate(at), spent)
    return found.balance if found is not None else -spent


# Hours that count now towards an award, by its own version of the rule: what the replay says, in SQL for lists.
NOW = """(SELECT coalesce(sum(s.credited), 0) FROM ledger_service s, rulebook_rule r
 WHERE s.person_id = ledger_award.person_id AND r.id = ledger_award.row_id AND s.credited IS NOT NULL
   AND s.area_path >= ledger_award.area_path AND s.area_path < ledger_award.area_path || '~'
   AND NOT (r.value->'without') ? s.field)"""


def counted_now(rows: QuerySet[Award]) -> Any:
    """With `now`: the minutes that count today."""
    return rows.annotate(now=Func(template=NOW, output_field=IntegerField()))


def below(rows: QuerySet[Award]) -> Any:
    """Given, or out and due, though the hours no longer reach it."""
    return counted_now(rows.filter(state__in=("given", "public"))).filter(now__lt=F("need"))


# One's own ------------------------------------------------------------------------------------------------------------
CHIP: Mapping[str, tuple[str, Words]] = {
    "proposed": ("doing", pgettext_lazy("award", "to be looked at")),
    "public": ("doing", pgettext_lazy("award", "put out")),
    "objected": ("soon", pgettext_lazy("award", "spoken against")),
    "given": ("done", pgettext_lazy("award", "given")),
    "refused": ("late", pgettext_lazy("award", "not given")),
    "withdrawn": ("pause", pgettext_lazy("award", "withdrawn")),
    "taken": ("back", pgettext_lazy("award", "taken back")),
}
SPENDING_CHIP: Mapping[str, tuple[str, Words]] = {
    "asked": ("doing", pgettext_lazy("time bank", "asked")),
    "agreed": ("soon", pgettext_lazy("time bank", "agreed, help is on its way")),
    "done": ("done", pgettext_lazy("time bank", "help was given")),
    "refused": ("late", pgettext_lazy("time bank", "not agreed")),
    "withdrawn": ("pause", pgettext_lazy("time bank", "withdrawn")),
    "returned": ("back", pgettext_lazy("time bank", "put back")),
}


@dataclass(frozen=True, slots=True)
class Mine:
    """Where somebody stands in one county, and why."""

    path: str
    areas: list[tuple[str, str]]  # all counties where they served, with names
    row: RuleVersion | None
    stars: Stars | None
    awards: list[Award]
    bank: Bank | None
    rate: RuleVersion | None
    cap: RuleVersion | None
    withdrawals: list[Withdrawal]

    @property
    def name(self) -> str:
        return dict(self.areas).get(self.path, self.path)

    @property
    def given(self) -> Award | None:
        return max((a for a in self.awards if a.state == "given"), key=lambda a: a.stars, default=None)

    @property
    def live(self) -> Award | None:
        return next((a for a in self.awards if a.state in LIVE), None)

    @property
    def may_ask(self) -> int:
        """Stars that can be asked for now; 0: none."""
        if self.stars is None or self.live is not None:
            return 0
        return self.stars.stars if self.stars.stars > (self.given.stars if self.given else 0) else 0


def spendings_of(actor: Actor, path: str) -> list[Spending]:
    """One's own, the latest first. One statement."""
    rows = Spending.objects.filter(person__user=actor.user_id, area_path=path).select_related("record").order_by("-pk")
    return list(rows[:30]) if actor.user_id is not None else []


def counties(user_id: int) -> list[str]:
    """Where somebody has hours, the county with most services first. One statement."""
    seen: defaultdict[str, int] = defaultdict(int)
    rows = Service.objects.filter(person__user=user_id).values_list("area_path").annotate(n=Count("pk")).order_by()
    for path, n in rows:
        seen[path[:COUNTY]] += n
    return sorted(seen, key=lambda p: (-seen[p], p))


def mine(actor: Actor, asked: str, at: dt.datetime, *, banking: bool = False) -> Mine | None:
    """None: no hours of theirs are kept. Statements: 7, and 6 for the time bank's page (`banking`: withdrawals in place of
    awards)."""
    person = Person.objects.filter(user=actor.user_id).first() if actor.user_id is not None else None
    paths = counties(actor.user_id) if person is not None and actor.user_id is not None else []
    if person is None or not paths:
        return None
    path, day = asked if asked in paths else paths[0], timezone.localdate(at)
    rules = versions([STARS, RATE, CAP], [path])
    of = lines([person.pk], path)[person.pk]
    row = in_force(here(rules[STARS], path), day)
    names = area_names(paths)
    given: list[Award] = []
    out: list[Withdrawal] = []
    if banking:
        out = list(Withdrawal.objects.filter(person=person, area_path=path).select_related("spending").order_by("-pk"))
    else:
        rows = Award.objects.filter(person=person, area_path=path).select_related("row", "due_rule").order_by("-pk")
        given = list(rows.prefetch_related(Prefetch("objections", Objection.objects.order_by("pk"))))
    return Mine(
        path, [(p, names[p]) for p in paths], row, reckon(of, row.value) if row is not None else None, given,
        account(of, rules, path, day, sum(w.minutes for w in out)), in_force(here(rules[RATE], path), day),
        in_force(here(rules[CAP], path), day), out,
    )  # fmt: skip


def slice_of(rows: Sequence[Any], after: str | None, *, size: int = 30) -> Page[Any]:
    """A page of entries that were replayed already, the latest first; the cursor is the last one's id."""
    latest = sorted(rows, key=_entry, reverse=True)
    if after and after.isascii() and after.isdecimal():
        latest = [x for x in latest if _entry(x) < int(after)]
    return Page(latest[:size], str(_entry(latest[size - 1])) if len(latest) > size else "")


def _entry(row: Any) -> int:
    """The id of a Line, or of the one that something Stored is of."""
    return int(getattr(row, "line", row).id)


# Put out, for everybody -----------------------------------------------------------------------------------------------
def put_out(now: dt.datetime, *, after: str | None = None, size: int = 50) -> Page[tuple[Award, str]]:
    """Stars that are put out now, by their last day: masked name, stars, area. Two statements."""
    rows = Award.objects.filter(state__in=("public", "objected"), due_at__gt=now)
    found = keyset(rows, order=("due_at", "id"), after=after, size=size)
    names = area_names({a.area_path for a in found.rows})
    return found.map(lambda a: (a, names[a.area_path]))


def one_put_out(award_id: int, now: dt.datetime) -> tuple[Award, str]:
    """NotFound (L-404) once its days are over."""
    found = Award.objects.filter(pk=award_id, state__in=("public", "objected"), due_at__gt=now).first()
    if found is None:
        raise NotFound
    return found, area_names([found.area_path])[found.area_path]


# The desk -------------------------------------------------------------------------------------------------------------
TABS: Mapping[str, Words] = {
    "asked": pgettext_lazy("award", "Asked for"),
    "against": pgettext_lazy("award", "Spoken against"),
    "out": pgettext_lazy("award", "Put out"),
    "below": pgettext_lazy("award", "Hours fell below"),
    "spending": pgettext_lazy("time bank", "Hours to spend"),
    "minus": pgettext_lazy("time bank", "Below zero"),
}
STATES = {"asked": ("proposed",), "against": ("objected",), "out": ("public",)}


def reviewed(actor: Actor) -> Q:
    return within("area_path", actor.paths(Cap.REVIEW_HOURS))


def awards(actor: Actor, tab: str, *, after: str | None = None, size: int = 30) -> Page[Any]:
    """Of the areas one reviews, in the order they came. Two statements."""
    rows: Any = Award.objects.filter(reviewed(actor)).select_related("person__user", "row")
    rows = below(rows) if tab == "below" else counted_now(rows.filter(state__in=STATES[tab]))
    return keyset(rows.prefetch_related("objections"), order=("id",), after=after, size=size)


def spendings(actor: Actor, *, after: str | None = None, size: int = 30) -> Page[Spending]:
    """What somebody wants to spend, and what was agreed and is not done yet. One statement."""
    rows = Spending.objects.filter(reviewed(actor), state__in=("asked", "agreed")).select_related("person__user")
    return keyset(rows, order=("id",), after=after, size=size)


@dataclass(frozen=True, slots=True)
class Minus:
    """An account that a correction took below zero."""

    person: Person
    area_path: str
    minutes: int


def minus(actor: Actor, at: dt.datetime) -> list[Minus]:
    """Of accounts out of which something went, and of whose hours some were taken back. Four statements."""
    out = Withdrawal.objects.filter(reviewed(actor), person__services__entries__kind=Kind.REVERSED)
    keys = sorted(set(out.values_list("person", "area_path")))[:200]
    if not keys:
        return []
    paths = sorted({path for _person, path in keys})
    rules, people = versions([RATE, CAP], paths), {p for p, _path in keys}
    of = {path: lines([p for p, there in keys if there == path], path) for path in paths}
    spent = {
        (p, path): n
        for p, path, n in Withdrawal.objects.filter(person__in=people)
        .values_list("person", "area_path")
        .annotate(n=Sum("minutes"))
        .order_by()
    }
    persons = {p.pk: p for p in Person.objects.filter(pk__in=people).select_related("user")}
    made = []
    for person, path in keys:
        found = account(of[path][person], rules, path, timezone.localdate(at), spent[person, path])
        if found is not None and found.balance < 0:
            made.append(Minus(persons[person], path, found.balance))
    return made


@dataclass(frozen=True, slots=True)
class One:
    """An award with what it stands on, for its area."""

    award: Award
    stars: Stars
    area: str
    objections: list[Objection]
    acts: list[str]


def one(actor: Actor, award_id: int) -> One:
    """NotFound (L-404). Four statements."""
    rows = Award.objects.filter(reviewed(actor)).select_related("person__user", "row", "due_rule")
    award = rows.prefetch_related(Prefetch("objections", Objection.objects.order_by("pk"))).filter(pk=award_id).first()
    if award is None:
        raise NotFound
    stars = reckon(lines([award.person_id], award.area_path)[award.person_id], award.row.value)
    said = list(award.objections.all())
    acts: list[str] = []
    if actor.user_id != award.person.user_id:
        acts = {"proposed": ["put_out", "refuse"], "public": ["refuse"], "given": []}.get(award.state, [])
        if stars.minutes < award.need:
            acts = {"proposed": ["refuse"], "public": ["refuse"], "given": ["take_back"]}.get(award.state, [])
        elif award.state == "public":
            acts = []
        barred = {award.out_by, *(o.by_id for o in said if o.decided_at is None)}
        if award.state == "objected" and actor.user_id not in barred:
            acts = ["dismiss", "uphold"]
    return One(award, stars, area_names([award.area_path]).get(award.area_path, ""), said, acts)


COLUMNS_OUT: list[Column[Award]] = [
    (gettext_lazy("Stars"), lambda a: a.stars),
    (gettext_lazy("Name as it is shown"), lambda a: a.name_mask),
    (gettext_lazy("State"), lambda a: str(CHIP[a.state][1])),
    (gettext_lazy("Asked on"), lambda a: a.asked_at),
    (gettext_lazy("Put out until"), lambda a: a.due_at),
    (gettext_lazy("Rule version"), lambda a: a.row.version),
]


COLUMNS_SPENDING: list[Column[Spending]] = [
    (gettext_lazy("What is needed"), lambda x: x.words),
    (gettext_lazy("Minutes"), lambda x: x.minutes),
    (gettext_lazy("State"), lambda x: str(SPENDING_CHIP[x.state][1])),
    (gettext_lazy("Asked on"), lambda x: x.asked_at),
]


# Perks ----------------------------------------------------------------------------------------------------------------
def open_now(day: dt.date) -> Q:
    return Q(state="open", first_day__lte=day) & (Q(last_day=None) | Q(last_day__gte=day))


def perks(path: str, now: dt.datetime, *, after: str | None = None, size: int = 30) -> Page[Perk]:
    """What is given now to people of a county or of the areas above it. One statement."""
    rows = Perk.objects.filter(open_now(timezone.localdate(now)), area_path__in=[*ancestors(path), path])
    return keyset(rows.select_related("org"), order=("-id",), after=after, size=size)


def standing_of(user_id: int, path: str, at: dt.datetime) -> tuple[int, int]:
    """(stars given, minutes that lie in the bank) of somebody in a county. Five statements."""
    given = (
        Award.objects.filter(person__user=user_id, area_path=path, state="given").aggregate(n=Max("stars"))["n"] or 0
    )
    person = Person.objects.filter(user=user_id).values_list("pk", flat=True).first()
    return given, balance(person, path, at) if person is not None else 0


def given_by(actor: Actor, *, after: str | None = None, size: int = 30) -> Page[Perk]:
    """What one's organisations give, and what is given in the areas one reviews, with how many were taken. One statement."""
    seen = Q(org__in=actor.org_ids(*(cap for cap, _scope in GIVER))) | reviewed(actor)
    rows = (
        Perk.objects.filter(seen)
        .select_related("org")
        .annotate(n_taken=Count("taken"), n_redeemed=Count("taken", filter=Q(taken__state="redeemed")))
    )
    return keyset(rows, order=("-id",), after=after, size=size)


def my_codes(actor: Actor) -> list[Taken]:
    """The latest ones. One statement."""
    return list(Taken.objects.visible_to(actor).select_related("perk__org").order_by("-pk")[:20])


def my_code(actor: Actor, taken_id: int) -> Taken:
    """NotFound (L-404). One statement."""
    found: Taken | None = Taken.objects.visible_to(actor).select_related("perk__org").filter(pk=taken_id).first()
    if found is None or actor.user_id is None:
        raise NotFound
    return found


PERK_COLUMNS: list[Column[Any]] = [
    (gettext_lazy("What is given"), lambda p: p.title),
    (gettext_lazy("Given by"), lambda p: p.org.name),
    (gettext_lazy("From how many stars"), lambda p: p.stars),
    (gettext_lazy("From how many stored hours"), lambda p: p.stored),
    (gettext_lazy("First day"), lambda p: p.first_day),
    (gettext_lazy("Last day"), lambda p: p.last_day),
    (pgettext_lazy("perk", "Taken"), lambda p: p.n_taken),
    (pgettext_lazy("perk", "Redeemed"), lambda p: p.n_redeemed),
]


# The first page -------------------------------------------------------------------------------------------------------
def next_acts(actor: Actor, now: dt.datetime) -> list[NextAct]:  # noqa: ARG001  (as other rooms' acts)
    """Stars to look at and hours to spend, for who reviews. Two statements, none for others."""
    if not actor.paths(Cap.REVIEW_HOURS):
        return []
    n = Award.objects.filter(reviewed(actor)).aggregate(
        asked=Count("pk", filter=Q(state="proposed")),
        against=Count("pk", filter=Q(state="objected") & ~Q(out_by=actor.user_id)),
    )
    spend = Spending.objects.filter(reviewed(actor), state="asked").count()
    desk = reverse("ledger:standing_desk")
    against = ngettext("against %(n)s something was said", "against %(n)s something was said", n["against"]) % {
        "n": n["against"]
    }
    said = against if n["against"] else _("somebody asks for stars")
    tab = "against" if n["against"] and not n["asked"] else "asked"
    return [
        NextAct(
            _("Stars to look at"),
            said,
            n["asked"] + n["against"],
            f"{desk}?tab={tab}",
            "soon" if n["against"] else "doing",
        ),
        NextAct(
            _("Stored hours to spend"), _("somebody asks for help in return"), spend, f"{desk}?tab=spending", "doing"
        ),
    ]
