"""The reader as people watch it: which one reads here, how well, what the rule sends on, what it wants to know.

Statements: the page 9 at most (each function says its own), a list of rows 1, the samples 3, the questions 3.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from django.db.models import Count, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet, Value
from django.db.models.fields import BooleanField
from django.db.models.functions import Length
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heli.core import words
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import NotFound
from heli.core.paging import Page, keyset
from heli.core.scope import ancestors, covers, within
from heli.loop import reader as readers
from heli.loop.clocks import local_day
from heli.loop.models import Category, Confidentiality, Request, any_path
from heli.loop.queries.desk import Branch, category_tree, cut
from heli.loop.queries.detail import called
from heli.loop.reading_models import WATCHERS, AutoStop, Reader, ReaderState, Reading, Sample
from heli.rulebook.models import Rule
from heli.rulebook.queries import COLUMNS, RuleVersion, area_names, chain, choose

Words = str | Promise
Kinds = Mapping[str, tuple[Words, Q]]
DAYS = 28
PERIOD = dt.timedelta(days=DAYS)
ONE = Value(1)  # what is counted when rows are: no column is read for it
CHANCE = 1.645  # standard errors: a change larger than this comes about by chance once in twenty times
SHOWN = 25  # matters on the page before all are asked for
NEWEST = 400  # requests among which the reader looks for what it learns most from
ASKED = 10
AUTO = "text.auto"
RULES = (AUTO, "text.auto.precision", "text.auto.window", "text.auto.sample", "text.auto.unseen", "text.sure")
ASKERS = (Cap.DISPATCH, Cap.MANAGE_DUTY)  # who answers it: the text is shown to those of them who may read the request


def own_areas(actor: Actor) -> list[str]:
    """Areas whose reader the actor watches, the widest first."""
    return sorted(any_path(actor, *WATCHERS), key=lambda p: (len(p), p))


def here(actor: Actor, typed: str = "") -> str:
    """The area that is looked at: what was asked for where it is the actor's to see, else their widest."""
    mine = own_areas(actor)
    known = typed.isascii() and typed.isdecimal() and len(typed) <= 24 and covers(mine, typed)
    return typed if known else next(iter(mine), "")


# How well it reads ------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Tally:
    """Requests that were read as something and that people decided on, in 28 days."""

    decided: int = 0
    right: int = 0
    sure: int = 0
    sure_right: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def more_than_chance(part: int, whole: int, before: int, of: int) -> bool:
    """Whether the share part/whole is larger than before/of by more than chance makes of it once in twenty times
    (difference of two proportions, one side)."""
    if not whole or not of:
        return False
    both = (part + before) / (whole + of)
    error = math.sqrt(both * (1 - both) * (1 / whole + 1 / of))
    return error > 0 and part / whole - before / of > CHANCE * error


@dataclass(slots=True)
class Matter:
    """One matter as people decided it: how it was read in these 28 days and in the 28 before."""

    category: Category
    now: Tally
    before: Tally
    all_now: int
    all_before: int

    @property
    def fell(self) -> bool:
        """It is read right less often than before."""
        wrong, was_wrong = self.now.decided - self.now.right, self.before.decided - self.before.right
        return more_than_chance(wrong, self.now.decided, was_wrong, self.before.decided)

    @property
    def doubled(self) -> bool:
        """It comes twice as often as before."""
        if not self.now.decided * self.all_before >= 2 * self.before.decided * self.all_now:
            return False
        return more_than_chance(self.now.decided, self.all_now, self.before.decided, self.all_before)

    @property
    def drift(self) -> list[Words]:
        return [
            *([_("right less often than before")] if self.fell else []),
            *([_("twice as often as before")] if self.doubled else []),
        ]


def matters(actor: Actor, path: str, now: dt.datetime) -> list[Matter]:
    """Every matter that was decided in the last 56 days, the most frequent first.

    Two statements: the counts, read from the index alone (reading_settled_area; as many entries as were decided in 56
    days), and the names.
    """
    fresh = ExpressionWrapper(Q(settled_at__gt=now - PERIOD), output_field=BooleanField())
    right = Q(category=F("settled"))
    found = (
        Reading.objects.visible_to(actor)
        .filter(within("area_path", (path,)), settled_at__gt=now - 2 * PERIOD, settled_at__lte=now)
        .filter(category__isnull=False)
        .order_by()
        .annotate(fresh=fresh)
        .values_list("settled", "fresh")
        .annotate(
            decided=Count(ONE),
            right=Count(ONE, filter=right),
            sure_=Count(ONE, filter=Q(sure=True)),
            sure_right=Count(ONE, filter=right & Q(sure=True)),
        )
    )
    by_matter: dict[int, dict[bool, Tally]] = {}
    for pk, is_fresh, *counts in found:
        by_matter.setdefault(pk, {})[is_fresh] = Tally(*counts)
    named = Category.objects.select_related("parent").in_bulk(by_matter) if by_matter else {}
    sums = {when: sum((t.get(when, Tally()) for t in by_matter.values()), Tally()).decided for when in (True, False)}
    made = [
        Matter(named[pk], t.get(True, Tally()), t.get(False, Tally()), sums[True], sums[False])
        for pk, t in by_matter.items()
    ]
    return sorted(made, key=lambda m: (-m.now.decided, -m.before.decided, m.category.code))


def told(actor: Actor, path: str, now: dt.datetime) -> dict[str, int]:
    """Of the requests told in the last 28 days (and, "…_before", in the 28 before): read, taken for no request, and of
    those sent on by people all the same. One statement: O(requests of 56 days)."""
    since = now - PERIOD
    rows = Reading.objects.visible_to(actor).filter(
        within("request__area_path", (path,)), request__heard_at__gt=since - PERIOD, request__heard_at__lte=now
    )
    late, early = Q(request__heard_at__gt=since), Q(request__heard_at__lte=since)
    found = rows.aggregate(
        **{f"n_{k}": Count(ONE, filter=q & late) for k, (_said, q) in TOLD.items()},
        **{f"n_{k}_before": Count(ONE, filter=q & early) for k, (_said, q) in TOLD.items()},
    )
    return {k.removeprefix("n_"): n for k, n in found.items()}


# The rows behind a figure -----------------------------------------------------------------------------------------------
WRONG = ~Q(category=F("settled"))
SETTLED: Kinds = {  # of what people decided on in the period
    "decided": (gettext_lazy("decided by people"), Q()),
    "right": (gettext_lazy("read right"), Q(category=F("settled"))),
    "wrong": (gettext_lazy("read otherwise"), WRONG),
    "sure": (gettext_lazy("it was sure"), Q(sure=True)),
    "sure_right": (gettext_lazy("sure and right"), Q(sure=True, category=F("settled"))),
    "sure_wrong": (gettext_lazy("sure and wrong"), Q(sure=True) & WRONG),
}
TOLD: Kinds = {  # of what was told in the period
    "read": (gettext_lazy("read when it came in"), Q(reader__isnull=False)),
    "rejected": (gettext_lazy("taken for no request"), ~Q(rejected="")),
    "kept": (gettext_lazy("taken for no request, sent on by people"), ~Q(rejected="") & Q(settled__isnull=False)),
}
SENT: Kinds = {  # of what the rule sent on in the period
    "auto": (gettext_lazy("sent on by the rule"), Q()),
    "looked": (gettext_lazy("sent on by the rule, looked at"), Q(sample__right__isnull=False)),
    "looked_right": (gettext_lazy("sent on by the rule, looked at and right"), Q(sample__right=True)),
    "looked_wrong": (gettext_lazy("sent on by the rule, looked at and wrong"), Q(sample__right=False)),
}
GROUPS: tuple[tuple[Kinds, str, str], ...] = (  # with the moment that counts, and whose matter a list is narrowed by
    (SETTLED, "settled_at", "settled"),
    (TOLD, "request__heard_at", "category"),
    (SENT, "read_at", "category"),
)
WHAT: Mapping[str, Words] = {k: said for kinds, _at, _of in GROUPS for k, (said, _q) in kinds.items()}
REJECTED: Mapping[str, Words] = {
    "empty": gettext_lazy("nothing is written"),
    "advertising": gettext_lazy("advertising"),
    "foreign": gettext_lazy("another language"),
    "no_words": gettext_lazy("no words"),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list of readings is narrowed to; '' narrows nothing. `period`: '' the last 28 days, "before" those before."""

    what: str = "decided"
    category: str = ""  # a code of any level
    period: str = ""
    area: str = ""

    @classmethod
    def read(cls, get: Mapping[str, str], actor: Actor) -> Filters:
        """From the address; what is not known is ignored."""
        code, area = get.get("category", ""), get.get("area", "")
        return cls(
            what=get.get("what", "") if get.get("what", "") in WHAT else "decided",
            category=code if code.isascii() and code.isdecimal() and len(code) <= 6 else "",
            period="before" if get.get("period") == "before" else "",
            area=area if area and here(actor, area) == area else "",
        )

    def kept(self) -> dict[str, str]:
        """The ones that narrow, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name)}


def listed(actor: Actor, f: Filters, now: dt.datetime) -> QuerySet[Reading]:
    """The readings behind a figure, each with `seen`: whether the actor may read its request. One statement."""
    until = now - PERIOD if f.period else now
    group, moment, of = next(g for g in GROUPS if f.what in g[0])
    rows: QuerySet[Reading] = Reading.objects.visible_to(actor).filter(
        within("area_path", (here(actor, f.area),)), **{f"{moment}__gt": until - PERIOD, f"{moment}__lte": until}
    )
    rows = rows.filter(group[f.what][1])
    if group is SETTLED:
        rows = rows.filter(category__isnull=False)
    elif group is SENT:
        rows = rows.filter(auto=True)
    if f.category:
        rows = rows.filter(**{f"{of}__code__startswith": f.category})
    seen = Exists(Request.objects.visible_to(actor).filter(pk=OuterRef("pk")))
    return rows.annotate(seen=seen).select_related("request", "category", "settled").defer("request__text")


def rows_page(actor: Actor, f: Filters, now: dt.datetime, *, after: str | None = None) -> Page[Reading]:
    """One page, the newest request first. One statement."""
    return keyset(listed(actor, f, now), order=("-request_id",), after=after)


# Readers ----------------------------------------------------------------------------------------------------------------
Measured = tuple[str, str]  # the share, the counts
READER_CHIPS = {"learning": "doing", "ready": "you", "live": "done", "retired": "pause", "failed": "late"}


@dataclass(slots=True)
class ReaderLine:
    """A reader as the page shows it. `mine`: the actor may switch it; `compared`: (words, this one, the one in use)."""

    reader: Any
    place: str
    chip: str
    mine: bool
    compared: list[tuple[Words, Measured, Measured]] = field(default_factory=list)


def of_place(path: str) -> QuerySet[Reader]:
    """Readers that read for a place or could: its county's and those above, without their models; `kept`, `live`, `who`."""
    flags = {"kept": Q(content__isnull=False), "live": Q(state=ReaderState.LIVE)}
    county = path[: readers.COUNTY]
    rows: QuerySet[Reader] = Reader.objects.filter(area_path__in=("", *ancestors(county))).defer("content")
    return rows.annotate(
        who=called("made_by__"), **{k: ExpressionWrapper(q, output_field=BooleanField()) for k, q in flags.items()}
    )


def serving(path: str) -> Any:
    """The reader in use for a place, None where there is none yet. One statement."""
    return of_place(path).filter(state=ReaderState.LIVE).order_by(Length("area_path").desc()).first()


def readers_page(actor: Actor, path: str, names: Mapping[str, str], *, after: str | None = None) -> Page[ReaderLine]:
    """The readers of a place: those in use, then the newest first. One statement."""
    rows = of_place(path).filter(pk__in=Reader.objects.visible_to(actor).values("pk"))
    return keyset(rows, order=("-live", "-id"), after=after, size=10).map(lambda r: reader_line(actor, r, names))


def reader_line(actor: Actor, r: Any, names: Mapping[str, str]) -> ReaderLine:
    """One reader with what it may be compared by. Pure."""
    new, old = r.measures, r.against
    compared: list[tuple[Words, Measured, Measured]] = []
    if r.state == ReaderState.READY and "n" in new:
        for label, part, whole in (
            (_("right"), "right", "n"),
            (_("sure"), "sure", "n"),
            (_("right when sure"), "sure_right", "sure"),
        ):
            compared.append((label, said_of(new, part, whole), said_of(old, part, whole)))
    return ReaderLine(
        r, place_name(r.area_path, names), READER_CHIPS[r.state], actor.can(Cap.MANAGE_DUTY, path=r.area_path), compared
    )


def said_of(measured: Mapping[str, Any], part: str, whole: str) -> tuple[str, str]:
    """("94.2%", "113 / 120"); ("–", "") where nothing was measured."""
    if part not in measured or not measured.get(whole):
        return "–", ""
    counts = f"{words.count(measured[part])} / {words.count(measured[whole])}"
    return words.share(measured[part], measured[whole]), counts


def place_name(path: str, names: Mapping[str, str]) -> str:
    return names.get(path, path) if path else _("the whole country")


# What the rule sends on -------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class AutoLine:
    """A rule row that lets requests be sent on, and what came of it in 28 days."""

    rule: RuleVersion
    category: Category | None
    place: str
    n: int = 0
    looked: int = 0
    right: int = 0


@dataclass(slots=True)
class Auto:
    lines: list[AutoLine]
    rules: dict[str, RuleVersion]  # how it is watched here, by key
    stops: list[AutoStop]
    waiting: int  # samples nobody has looked at yet


def auto(actor: Actor, path: str, now: dt.datetime, names: dict[str, str]) -> Auto:
    """What is switched on here, what it did, what stands against it. Four statements: rules, counts by matter and place
    (index reading_auto, O(sent on in 28 days)), stops, names of matters; `names` gets those of the areas (one more)."""
    today = local_day(now)
    rows = Rule.objects.on(today).filter(Q(area_path__in=chain(path)) | within("area_path", (path,)), key__in=RULES)
    versions = [RuleVersion(*row) for row in rows.values_list(*COLUMNS)]
    on = [r for r in versions if r.key == AUTO and r.value is True and decides(r, versions, path)]
    sent = list(
        Reading.objects.visible_to(actor)
        .filter(within("area_path", (path,)), auto=True, read_at__gt=now - PERIOD, category__isnull=False)
        .order_by()
        .values_list("category__code", "area_path")
        .annotate(
            n=Count(ONE),
            looked=Count("sample__looked_at"),
            good=Count(ONE, filter=Q(sample__right=True)),
            waiting=Count("sample__pk", filter=Q(sample__right=None)),
        )
    )
    codes = {r.applies_to.get("category", "") for r in on}
    named = {c.code: c for c in Category.objects.filter(code__in=codes)} if on else {}
    names |= area_names({path, *(r.area_path for r in on)} - set(names))
    lines = []
    for rule in on:
        code = rule.applies_to.get("category", "")
        line = AutoLine(rule, named.get(code), place_name(rule.area_path, names))
        for c, area, n, looked, right, _waiting in sent:
            if c.startswith(code) and area.startswith(rule.area_path):
                line.n, line.looked, line.right = line.n + n, line.looked + looked, line.right + right
        lines.append(line)
    stops = AutoStop.objects.visible_to(actor).filter(within("area_path", (path[: readers.COUNTY],)), lifted_at=None)
    return Auto(
        sorted(lines, key=lambda a: (-a.n, a.rule.area_path, a.rule.applies_to.get("category", ""))),
        choose([v for v in versions if v.area_path in chain(path)], {}),
        list(stops.select_related("category__parent").order_by("-stopped_at")),
        sum(row[-1] for row in sent),
    )


def decides(rule: RuleVersion, rows: Iterable[RuleVersion], path: str) -> bool:
    """Whether a row decides its own cases where it holds: no other row of a nearer place says otherwise."""
    at = rule.area_path if rule.area_path.startswith(path) else path
    found = choose([r for r in rows if r.key == AUTO and r.area_path in chain(at)], rule.applies_to)
    return found[AUTO].id == rule.id


# Samples ----------------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Looking:
    """The sample that is looked at now, and how far the day's are. `others`: (code, matter) of the reader's other ideas."""

    sample: Sample | None
    marked: list[tuple[str, bool]]
    others: list[Category]
    tree: list[Branch]
    done: int
    waiting: int

    @property
    def all(self) -> int:
        return self.done + self.waiting


def waiting_samples(actor: Actor) -> QuerySet[Sample]:
    """Samples nobody has looked at, of requests the actor may read."""
    rows: QuerySet[Sample] = Sample.objects.visible_to(actor).filter(right=None)
    return rows.filter(reading__in=Request.objects.visible_to(actor).values("pk"))


def looking(actor: Actor, now: dt.datetime, *, after: int = 0) -> Looking:
    """The next sample behind `after`, else the first one. At most three statements: the sample, the counts, the tree."""
    rows = waiting_samples(actor).select_related(
        "category__parent", "reading__request__area__parent", "reading__request__unit"
    )
    passed = ExpressionWrapper(Q(reading__lte=after), output_field=BooleanField())
    sample = rows.annotate(passed=passed).order_by("passed", "reading").first()
    today = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    seen = Sample.objects.visible_to(actor).filter(Q(right=None) | Q(looked_at__gte=today))
    n = seen.aggregate(done=Count(ONE, filter=Q(right__isnull=False)), waiting=Count(ONE, filter=Q(right=None)))
    if sample is None:
        return Looking(None, [], [], [], n["done"], n["waiting"])
    tree = category_tree()
    known = leaves(tree)
    others = [known[code] for code, _p in sample.reading.choices if code in known and code != sample.category.code]
    return Looking(
        sample, cut(sample.reading.request.text, sample.reading.words), others, tree, n["done"], n["waiting"]
    )


def leaves(tree: Iterable[Branch]) -> dict[str, Category]:
    """The matters of the third level by code."""
    return {three.category.code: three.category for one in tree for two in one.below for three in two.below}


# What it wants to know --------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Ask:
    """A request from whose answer the reader learns, with what it takes it for, the likeliest first."""

    reading: Reading
    marked: list[tuple[str, bool]]
    choices: list[Category]


def doubtful(actor: Actor) -> QuerySet[Reading]:
    """What was read without being sure and nobody has decided on, of requests the actor may read and answer for."""
    rows: QuerySet[Reading] = Reading.objects.visible_to(actor).filter(
        within("area_path", any_path(actor, *ASKERS)), sure=False, rejected="", category__isnull=False, settled=None
    )
    open_to = Request.objects.visible_to(actor).filter(confidentiality=Confidentiality.OPEN)
    return rows.filter(request__in=open_to).select_related("request__area__parent")


def asks(actor: Actor, path: str, now: dt.datetime) -> list[Ask]:
    """Ten of the newest 400 such requests of the last 28 days, those it learns most from first, no two alike.

    Statements: the requests, the reader (one; more after a lesson or a switch), their matters. Then the model reads the
    400 texts once more: O(characters); 0.1 s for texts of 120 characters and 143 matters.
    """
    rows = list(
        doubtful(actor)
        .filter(within("request__area_path", (path,)), request__heard_at__gt=now - PERIOD)
        .order_by("-request")[:NEWEST]
    )
    if not rows:
        return []
    from heli.engines.text.asking import order_to_ask  # NumPy and SciPy are loaded with the first model

    loaded = readers.live(path)
    titles, texts = [r.request.title for r in rows], [r.request.text for r in rows]
    order = order_to_ask(loaded.model if loaded is not None else None, titles, texts, n=ASKED)
    chosen = [rows[i] for i in order]
    codes = {code for r in chosen for code, _p in r.choices}
    known = {c.code: c for c in Category.objects.filter(code__in=codes, closed_on=None).select_related("parent")}
    return [Ask(r, cut(r.request.text, r.words), [known[c] for c, _p in r.choices if c in known]) for r in chosen]


def ask(actor: Actor, pk: int) -> Reading:
    """One of them; NotFound (L-404) for who may not answer, or once it is answered. One statement."""
    found = doubtful(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found
