"""What everybody reads: the wall, the calls, and what is like something one is about to suggest."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core import vault
from heli.core.actor import Actor
from heli.core.errors import NotFound
from heli.core.paging import Page, keyset
from heli.core.scope import within
from heli.loop.clocks import local_day
from heli.loop.models import Clock, ClockKind
from heli.loop.states import OPEN
from heli.suggestions.models import TAKEN_UP, Answer, Call, Measure, Suggestion, Verdict

Words = str | Promise
STAGES: Mapping[str, Words] = {
    "open": pgettext_lazy("suggestion", "Waiting for an answer"),
    "adopted": pgettext_lazy("suggestion", "Adopted, wholly or in part"),
    "done": pgettext_lazy("suggestion", "Done"),
    "late": pgettext_lazy("suggestion", "A measure is overdue"),
    "not": pgettext_lazy("suggestion", "Not adopted"),
    "explained": pgettext_lazy("suggestion", "Explained"),
}
CHIPS = {Verdict.ADOPTED: "done", Verdict.PARTLY: "done", Verdict.NOT_ADOPTED: "back", Verdict.EXPLAINED: "pause"}
SORTS: Mapping[str, Words] = {"new": _("newest first"), "most": _("most seconded first")}
GONE = ("merged", "withdrawn")  # their page still says where they went
ANSWER = (ClockKind.REPLY, ClockKind.REDO)
NEWEST = 2000  # of a county's public ones, looked through for something alike
ALIKE = 0.24  # share of the shorter text's pairs of characters, without those below
EMPTY_PAIRS = frozenset(
    [
        "建议",
        "希望",
        "可以",
        "我们",
        "社区",
        "小区",
        "居民",
        "能不",
        "不能",
        "一个",
        "一下",
        "应该",
        "大家",
        "现在",
        "没有",
    ]
)


@dataclass(frozen=True, slots=True)
class Filters:
    """What the wall is narrowed to; '' narrows nothing."""

    area: str = ""
    call: str = ""
    stage: str = ""
    sort: str = "new"

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Filters:
        area, call = given.get("area", "")[:24], given.get("call", "")
        return cls(
            area=area if area.isascii() and area.isdecimal() else "",
            call=call if call.isascii() and call.isdecimal() and len(call) < 18 else "",
            stage=given.get("stage", "") if given.get("stage", "") in STAGES else "",
            sort="most" if given.get("sort") == "most" else "new",
        )

    @property
    def narrowed(self) -> bool:
        return bool(self.area or self.call or self.stage)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the wall."""

    s: Suggestion
    chip: tuple[str, Words]

    @property
    def says_more(self) -> bool:
        """Whether the words say more than the title."""
        return len(self.s.text) > len(self.s.title) + 1


def running(*kinds: str) -> Any:
    """The clocks of these kinds that run for a suggestion."""
    return Clock.objects.filter(request=OuterRef("pk"), outcome="running", kind__in=kinds)


def unanswered_in_time(now: dt.datetime) -> Q:
    """Neither sent to a unit nor answered in time; a late first call is not a late answer."""
    return Q(request__state__in=OPEN) & Q(Exists(running(ClockKind.DISPATCH, *ANSWER).filter(due_at__lt=now)))


def with_stage(rows: QuerySet[Suggestion], now: dt.datetime) -> Any:
    """Each with the verdict of its last answer ('' or None: none yet), by when one is due, and whether measures are open,
    overdue, done or given up."""
    given = Answer.objects.given().filter(suggestion=OuterRef("pk")).order_by("-handling__lap", "-id")
    promised = Measure.objects.given().filter(suggestion=OuterRef("pk"))
    measures = promised.filter(ended_at=None)
    return rows.annotate(
        verdict=Subquery(given.values("verdict")[:1]),
        answer_due=Subquery(running(*ANSWER).order_by("due_at").values("due_at")[:1]),
        unfinished=Exists(measures),
        overdue=Exists(measures.filter(due_on__lt=local_day(now), state="planned")),
        kept=Exists(promised.filter(state="confirmed")),
        dropped=Exists(promised.filter(state="dropped")),
    )


def at_stage(rows: Any, stage: str) -> Any:
    """Those of `with_stage` at a stage."""
    match stage:
        case "open":
            return rows.filter(verdict=None, request__state__in=OPEN)
        case "adopted":
            return rows.filter(verdict__in=TAKEN_UP)
        case "done":
            return rows.filter(verdict__in=TAKEN_UP, unfinished=False, kept=True)
        case "late":
            return rows.filter(overdue=True)
        case "not" | "explained":
            return rows.filter(verdict=stage)
    return rows


def chip_of(s: Any, now: dt.datetime) -> tuple[str, Words]:
    """Where a suggestion of `with_stage` stands: a state of the look and its words."""
    if s.request.state == "merged":
        return "", _("joined with another")
    if s.request.state in {"declined", "withdrawn"}:
        return "back", _("not taken") if s.request.state == "declined" else _("taken back")
    if s.verdict is None:
        due = s.request.due_at if s.request.unit_id is None else s.answer_due
        late = due is not None and due < now
        if s.request.unit_id is None:
            return ("late", _("overdue at the desk")) if late else ("", _("waiting for a unit"))
        return ("late", _("answer overdue")) if late else ("doing", _("waiting for an answer"))
    if s.verdict in TAKEN_UP:
        if s.overdue:
            return "late", _("measure overdue")
        if not s.unfinished:
            if not s.kept:
                return "back", _("measures given up")
            return "done", _("done in part") if s.dropped else _("measures finished")
        return "doing", _("adopted, in hand") if s.verdict == Verdict.ADOPTED else _("adopted in part, in hand")
    return CHIPS[s.verdict], Verdict(s.verdict).label


def shown(s: Suggestion) -> str:
    """The name it is credited with, where its suggester wants that and its keeper has read it; '' otherwise."""
    if s.credit != "shown" or s.credit_record is None:
        return ""
    return vault.open_own(s.credit_record)["name"]


def wall(f: Filters, now: dt.datetime, *, after: str | None = None, size: int = 20) -> Page[Row]:
    """Public suggestions. One statement."""
    rows = (
        with_stage(Suggestion.objects.filter(state="public").exclude(request__state__in=GONE), now)
        .select_related("request__area", "request__unit", "call", "credit_record")
        .defer("credit_record__note", "credit_record__address", "credit_record__id_number")
    )
    if f.area:
        rows = rows.filter(within("request__area_path", (f.area,)))
    if f.call:
        rows = rows.filter(call=int(f.call))
    rows = at_stage(rows, f.stage)
    order = ("-seconds", "-request_id") if f.sort == "most" else ("-request_id",)
    return keyset(rows, order=order, after=after, size=size).map(lambda s: Row(s, chip_of(s, now)))


def open_calls(now: dt.datetime, *, limit: int = 4) -> list[Call]:
    """Calls that take suggestions now, the one that ends first before the others. One statement."""
    today = local_day(now)
    rows = Call.objects.filter(state="open", first_day__lte=today, last_day__gte=today).select_related("unit", "area")
    return list(rows.order_by("last_day", "id")[:limit])


def calls(*, after: str | None = None, size: int = 20) -> Page[Call]:
    """Every call that was opened, the newest first, with how many public suggestions it has. One statement."""
    shown_ = Q(suggestions__state="public") & ~Q(suggestions__request__state__in=GONE)
    counted = Count("suggestions", filter=shown_)
    rows = Call.objects.exclude(state="draft").select_related("unit", "area").annotate(n=counted)
    return keyset(rows, order=("-id",), after=after, size=size)


@dataclass(frozen=True, slots=True)
class Tally:
    """What a call brought, counted."""

    public: int = 0
    adopted: int = 0
    partly: int = 0
    refused: int = 0
    explained: int = 0
    waiting: int = 0
    declined: int = 0
    best: list[Row] = field(default_factory=list)


def call_seen(actor: Actor, call_id: int) -> Call:
    """A call; NotFound (L-404) for a draft of somebody else. One statement."""
    found = Call.objects.visible_to(actor).select_related("unit", "area").filter(pk=call_id).first()
    if found is None:
        raise NotFound
    return found


def tally(call: Call, now: dt.datetime) -> Tally:
    """How the public suggestions of a call were answered, and those that were adopted. Two statements."""
    rows = with_stage(Suggestion.objects.filter(call=call, state="public").exclude(request__state__in=GONE), now)
    found = rows.aggregate(
        public=Count("pk"),
        **{name: Count("pk", filter=Q(verdict=v)) for name, v in (
            ("adopted", "adopted"), ("partly", "partly"), ("refused", "not"), ("explained", "explained"),
        )},
        waiting=Count("pk", filter=Q(verdict=None) & ~Q(request__state="declined")),
        declined=Count("pk", filter=Q(request__state="declined")),
    )  # fmt: skip
    best = at_stage(rows, "adopted").select_related("request__area", "request__unit", "credit_record")
    return Tally(**found, best=[Row(s, chip_of(s, now)) for s in best.order_by("-seconds", "-pk")[:20]])


@dataclass(frozen=True, slots=True)
class Like:
    """Something much like what is being written."""

    s: Suggestion
    chip: tuple[str, Words]
    open: bool  # it can be seconded


def telling(text: str) -> frozenset[str]:
    """The pairs of characters of a text that say what it is about."""
    kept = "".join(c for c in text if "\u4e00" <= c <= "\u9fff" or c.isalnum())
    return frozenset(kept[i : i + 2] for i in range(len(kept) - 1)) - EMPTY_PAIRS


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Share of the smaller text's pairs that the other has too, 0–1. Ideas in other words are alike by their subject;
    which requests tell of one event is heli/loop/alike.py."""
    return len(one & other) / max(1, min(len(one), len(other)))


def alike(text: str, area_path: str, now: dt.datetime, *, but: int = 0, limit: int = 4) -> list[Like]:
    """Public suggestions of the county that say much the same, the likest first. Two statements; looks through the
    newest 2,000 (about 20 ms)."""
    mine = telling(text)
    if len(mine) < 4:
        return []
    rows = (
        Suggestion.objects.filter(within("request__area_path", (area_path[:6],)), state="public")
        .exclude(request__state__in=(*GONE, "declined"))
        .exclude(pk=but)
        .order_by("-request_id")
        .values_list("pk", "title", "text")[:NEWEST]
    )
    scored = [(likeness(mine, telling(title + text)), pk) for pk, title, text in rows]
    best = sorted((s for s in scored if s[0] >= ALIKE), reverse=True)[:limit]
    if not best:
        return []
    found = with_stage(Suggestion.objects.filter(pk__in=[pk for _score, pk in best]), now).select_related("request")
    by_pk = {s.pk: s for s in found}
    return [
        Like(s, chip_of(s, now), s.request.state in OPEN and s.verdict is None)
        for s in (by_pk[pk] for _score, pk in best if pk in by_pk)
    ]
