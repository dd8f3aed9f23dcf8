"""The dispatch desk: what waits to be sent on, one item with what it says, whom it might go to, what is like it.

Statements: the queue 1, an item 1, its proposals 4 (5 or 6 for something that came back), the rest by fragments.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, JSONObject
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heli.core import words
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import NotFound
from heli.core.paging import Page, keyset
from heli.core.scope import covers, within
from heli.loop import duty, propose
from heli.loop.clocks import facts_of, local_day, rules_for
from heli.loop.models import Category, Clock, Dispatch, DutyRow, Remark, Request, Urgency, Voice, any_path
from heli.loop.propose import ProposedCategory, ProposedUnit, Reason
from heli.loop.queries import parts
from heli.loop.queries.detail import called
from heli.loop.reading_models import Reading, Sample
from heli.loop.states import STATIONS, WITH_UNIT
from heli.loop.steps.dispatch import TAKE_BACK
from heli.orgs.models import GRASSROOTS, Organisation
from heli.orgs.queries import Person, people_with, search_orgs
from heli.places import landmark_queries as landmarks
from heli.places.landmark_queries import Meant
from heli.places.models import Area
from heli.rulebook.models import Rule
from heli.rulebook.queries import RuleVersion, chain, choose

Words = str | Promise
DESK = (Cap.DISPATCH, Cap.APPOINT_LEAD)
SEGMENTS = ("all", "soon", "back")
SOON_MINUTES = 60  # working minutes left from which a chip says "soon"; twice as many of elapsed time (parts.chip_of)
ALTERNATIVES = 3
FOUND = 12
LIMIT = "return.limit"
NOT_A_ROAD = r"(?![东南西北中前后]{0,2}(?:路(?![灯面边上牌沿])|街(?!道)|巷|桥|大道|市场|小区))"
CHANNELS: Mapping[str, Words] = {
    "web": gettext_lazy("from the web page"),
    "counter": gettext_lazy("told at the counter"),
    "phone": gettext_lazy("told on the phone"),
    "api": gettext_lazy("from another system"),
    "import": gettext_lazy("from a batch"),
}
REACH: Mapping[str, Words] = {
    "morning": gettext_lazy("best in the morning"),
    "afternoon": gettext_lazy("best in the afternoon"),
    "evening": gettext_lazy("best in the evening"),
}


# The queue ------------------------------------------------------------------------------------------------------------
def desk_paths(actor: Actor) -> tuple[str, ...]:
    """Areas whose desk the actor works at or decides for."""
    return any_path(actor, *DESK)


def queue(actor: Actor, seg: str, now: dt.datetime) -> QuerySet[Request]:
    """What waits at the desk. Who only names leads sees what came back."""
    rows: QuerySet[Request] = Request.objects.visible_to(actor).filter(state="heard")
    mine = within("area_path", actor.paths(Cap.DISPATCH))
    if appoints := actor.paths(Cap.APPOINT_LEAD):
        mine |= within("area_path", appoints) & Q(bounces__gt=0)
    rows = rows.filter(mine)
    if seg == "soon":
        rows = rows.filter(due_at__lte=soon_until(actor, now))
    elif seg == "back":
        rows = rows.filter(bounces__gt=0)
    return rows


def soon_until(actor: Actor, now: dt.datetime) -> dt.datetime:
    """A deadline up to here is "soon"; what is over counts too."""
    path = min(desk_paths(actor), key=len, default="")
    worked = parts.display_calendar(path, now).due(now, SOON_MINUTES, "working_minute").at
    return max(worked, now + dt.timedelta(minutes=2 * SOON_MINUTES))


def with_measure(rows: QuerySet[Request]) -> QuerySet[Request]:
    """Each with `due_measure`, the unit of time of the clock that runs out first."""
    first = Clock.objects.filter(request=OuterRef("pk"), outcome="running", kind=OuterRef("due_kind")).order_by(
        "due_at"
    )
    return rows.annotate(due_measure=Coalesce(Subquery(first.values("measure")[:1]), Value("")))


Key = tuple[dt.datetime, int]  # where something stands in the queue
NEVER = dt.datetime.max.replace(tzinfo=dt.UTC)


def key_of(row: Any) -> Key:
    """Of a request or a line of the queue."""
    return row.due_at or NEVER, row.pk


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A line of the queue."""

    pk: int
    code: str
    title: str
    place: str
    matter: str
    chip: tuple[str, str]
    bounces: int
    urgency: str
    due_at: dt.datetime | None

    @property
    def key(self) -> Key:
        return key_of(self)

    @property
    def urgency_chip(self) -> tuple[str, Words]:
        return urgency_chip(self.urgency)


def urgency_chip(urgency: str) -> tuple[str, Words]:
    """("late", "特急"); ("", "一般") for what is not urgent."""
    states = {Urgency.EMERGENCY.value: "late", Urgency.URGENT.value: "soon"}
    return states.get(urgency, ""), Urgency(urgency).label


def queue_page(actor: Actor, seg: str, now: dt.datetime, *, after: str | None = None, size: int = 50) -> Page[QueueRow]:
    """One page of the queue, earliest deadline first. One statement (and the calendar once a minute)."""
    rows = with_measure(queue(actor, seg, now)).select_related("area__parent", "category")

    def row(r: Any) -> QueueRow:
        chip = parts.chip_of(r.due_at, now, parts.display_calendar(r.area_path, now), r.due_measure)
        matter = str(r.category) if r.category else str(_("matter unknown"))
        street = r.area.parent if r.area.level > 4 and r.area.parent is not None else r.area
        return QueueRow(r.pk, r.code, r.title, street.short_name, matter, chip, r.bounces, r.urgency, r.due_at)

    return keyset(rows, order=("due_at", "id"), after=after, size=size).map(row)


def counts(actor: Actor, now: dt.datetime) -> dict[str, int]:
    """{"all": 27, "soon": 6, "back": 4, "returns": 4, "samples": 0}: the segments, returns that wait for a decision, samples
    to look at. Three statements."""
    found = queue(actor, "all", now).aggregate(
        all=Count("pk"),
        soon=Count("pk", filter=Q(due_at__lte=soon_until(actor, now))),
        back=Count("pk", filter=Q(bounces__gt=0)),
    )
    samples = Sample.objects.visible_to(actor).filter(right=None).count()
    return {**found, "returns": returning(actor).count(), "samples": samples}


def next_after(rows: Sequence[QueueRow], key: Key | None) -> str:
    """The code of the row that follows `key` in the queue; the first one when nothing follows; '' for an empty queue."""
    following = (r.code for r in rows if key is not None and r.key > key)
    return next(following, rows[0].code if rows else "")


# One item -------------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Item:
    """What the desk shows of one request."""

    request: Request
    clock: parts.ClockPart | None
    marked: list[tuple[str, bool]]  # the words, cut where something was found in them
    place: str
    place_hint: Words
    learned: Meant | None  # a name of a place in its words that lies elsewhere than it was said to
    matter: str
    matter_hint: Words
    guessed: list[ProposedCategory]  # where nobody chose one, or the reader takes it for something else
    urgency: tuple[str, Words]
    urgency_hint: Words
    voices: list[dict[str, Any]]
    returned: list[dict[str, Any]]
    remarks: list[dict[str, Any]]
    twins: list[dict[str, Any]]
    split_into: list[dict[str, Any]]
    channel: Words
    station: int
    here: bool  # it waits at this desk
    may_dispatch: bool
    may_appoint: bool
    lead: dict[str, Any] = field(default_factory=dict)  # who holds it now, where it is no longer here


def item(actor: Actor, code: str, now: dt.datetime) -> Item:
    """A request as the desk sees it; NotFound (L-404) outside the actor's desk. One statement, one more while it waits here,
    three more without category."""
    related = ("category__parent__parent", "area__parent__parent", "unit", "merged_into", "parent")
    request = with_desk_facts(actor).select_related(*related).filter(code=code).first()
    if request is None or not covers(desk_paths(actor), request.area_path):
        raise NotFound
    guessed = guessed_of(request)
    found = found_words(request, guessed)
    here = request.state == "heard"
    named = places_named(request)
    place, place_hint = place_words(request, bool(named))
    names = [str(c) for c in line_of(request.category)]
    best = guessed[0] if guessed and request.category is None else None
    matter = " › ".join(names) or (
        " › ".join(str(c) for c in line_of(best.category)) if best else str(_("nobody knows yet"))
    )
    voices = request.voices_of
    for v in voices:
        v["reach_words"] = REACH.get(v["reach"], "")
    return Item(
        request=request,
        clock=clock_of(request, now),
        marked=cut(request.text, found, named),
        place=place,
        place_hint=place_hint,
        learned=learned_of(request) if here else None,
        matter=matter,
        matter_hint=matter_hint(request, found, best),
        guessed=guessed,
        urgency=urgency_chip(request.urgency),
        urgency_hint=urgency_hint(request),
        voices=voices,
        returned=[{**d, "code": parts.RETURN_CODES.get(d["code"], "")} for d in request.returned_of],
        remarks=[{**r, "at": dt.datetime.fromisoformat(r["at"])} for r in request.remarks_of],
        twins=request.twins_of,
        split_into=request.parts_of,
        channel=CHANNELS.get(request.channel, ""),
        station=min(STATIONS[request.state] + 1, 4),
        here=here,
        may_dispatch=actor.can(Cap.DISPATCH, path=request.area_path),
        may_appoint=actor.can(Cap.APPOINT_LEAD, path=request.area_path),
        lead=next(iter(request.lead_of), {}),
    )


def with_desk_facts(actor: Actor) -> Any:
    """Requests the actor may see, each with its voices, dispatch clock, returns, remarks and twins as rows of JSON."""
    here = OuterRef(OuterRef("pk"))
    said = Request.objects.filter(Q(pk=here) | Q(merged_into=here) | Q(pk=OuterRef(OuterRef("parent")))).values("pk")
    voices = Voice.objects.filter(request__in=said).order_by("id")
    clocks = Clock.objects.filter(request=OuterRef("pk"), kind="dispatch", outcome="running")
    sent = Dispatch.objects.filter(request=OuterRef("pk"))
    remarks = Remark.objects.filter(request=OuterRef("pk"), kind__in=("question", "answer", "note")).order_by("id")
    short = JSONObject(id="id", code="code", title="title", state="state")
    return Request.objects.visible_to(actor).annotate(
        voices_of=ArraySubquery(
            voices.values(
                json=JSONObject(
                    id="id", name="record__name_mask", phone="record__phone_mask", reach="reach", code="request__code"
                )
            )
        ),
        clock_of=ArraySubquery(
            clocks.values(
                json=JSONObject(
                    **{n: n for n in CLOCK}, rule_id="rule_id", version="rule__version", verified="rule__verified"
                )
            )
        ),
        returned_of=ArraySubquery(
            sent.filter(role="lead", state="returned")
            .order_by("-id")
            .values(
                json=JSONObject(
                    unit="unit_id",
                    name="unit__short_name",
                    code="return_code",
                    reason="return_reason",
                    basis="legal_basis",
                )
            )
        ),
        lead_of=ArraySubquery(
            sent.filter(role="lead", state__in=Dispatch.LIVE)
            .order_by("-id")
            .values(
                json=JSONObject(
                    unit="unit__short_name", state="state", forced="forced", at="offered_at", who=called("offered_by__")
                )
            )
        ),
        remarks_of=ArraySubquery(remarks.values(json=JSONObject(kind="kind", at="at", text="text"))),
        reading_of=ArraySubquery(
            Reading.objects.filter(request=OuterRef("pk")).values(
                json=JSONObject(choices="choices", sure="sure", words="words", rejected="rejected")
            )
        ),
        twins_of=ArraySubquery(Request.objects.filter(merged_into=OuterRef("pk")).order_by("id").values(json=short)),
        parts_of=ArraySubquery(Request.objects.filter(parent=OuterRef("pk")).order_by("id").values(json=short)),
    )


CLOCK = ("id", "kind", "amount", "measure", "started_at", "due_at", "provisional", "outcome")


def clock_of(request: Any, now: dt.datetime) -> parts.ClockPart | None:
    """The running dispatch clock, made from the row read with the request."""
    for row in request.clock_of[:1]:
        values = {n: row[n] for n in CLOCK} | {n: dt.datetime.fromisoformat(row[n]) for n in ("started_at", "due_at")}
        rule = Rule(id=row["rule_id"], version=row["version"], verified=row["verified"])
        return parts.clock_part(Clock(**values, rule=rule), parts.display_calendar(request.area_path, now), now)
    return None


def line_of(category: Category | None) -> list[Category]:
    """A category with those above it, the widest first; costs nothing when its parents are there."""
    line: list[Category] = []
    while category is not None:
        line.insert(0, category)
        category = category.parent
    return line


def places_named(request: Request) -> list[tuple[int, int]]:
    """Where the text names the spot, the community or the street; "幸福路" does not name 幸福街道."""
    names = [request.spot]
    area: Area | None = request.area
    while area is not None and area.level > 3:
        names += [area.name, area.short_name]
        area = area.parent
    wanted = "|".join(re.escape(n) for n in sorted(set(names), key=len, reverse=True) if len(n) > 1)
    return [m.span() for m in re.finditer(f"(?:{wanted}){NOT_A_ROAD}", request.text)] if wanted else []


def place_words(request: Request, named: bool) -> tuple[str, Words]:
    """("毓璜顶街道 · 大海阳社区 · 3 号楼", where we know it from)."""
    names: list[str] = [request.spot] if request.spot else []
    area: Area | None = request.area
    while area is not None and area.level > 3:
        names.insert(0, area.short_name or area.name)
        area = area.parent
    return " · ".join(names or [request.area.name]), _("named in the words") if named else _("chosen when it was told")


def learned_of(request: Request) -> Meant | None:
    """The place that a learned name in the words leads to, where the desk holds another or only a street. One statement."""
    found = landmarks.meant(request.spot, request.title + "。" + request.text, (request.area_path,))
    other = [m for m in found if m.area is not None and not request.area_path.startswith(m.area.path)]
    return other[0] if len({m.area for m in found}) == 1 and other else None


def guessed_of(request: Any) -> list[ProposedCategory]:
    """What it may be about: as it was read when it came in, or read now where no job has yet. Where somebody chose a
    matter, only what the reader is rather sure of and takes for another one."""
    read = next(iter(request.reading_of), None)
    if request.category is None:
        said = request.title + request.text
        if read is not None and read["choices"]:
            return propose.of_reading(read, said)
        return propose.categories_of(request.text, title=request.title, area_path=request.area_path)
    if read is None or not read["choices"] or read["rejected"]:
        return []
    code, probability = read["choices"][0]
    if code == request.category.code or probability < propose.OTHERWISE:
        return []
    return propose.of_reading(read | {"choices": read["choices"][:1]}, "", limit=1)


def found_words(request: Any, guessed: Sequence[ProposedCategory]) -> tuple[str, ...]:
    """Words of the text that speak for the category, chosen or proposed."""
    if request.category is not None:
        read = next(iter(request.reading_of), None) or {"choices": [], "words": []}
        mine = read["words"] if read["choices"] and read["choices"][0][0] == request.category.code else []
        return tuple(dict.fromkeys([*(w for w in request.category.words if w in request.text), *mine]))
    return guessed[0].found if guessed and (guessed[0].likely or guessed[0].probability is None) else ()


def matter_hint(request: Request, found: Sequence[str], best: ProposedCategory | None) -> Words:
    """How sure the category is, in words."""
    if request.category is None:
        if best is None:
            return _("no word of the list occurs")
        if best.percent is not None:
            slots = {"percent": best.percent}
            said = _("proposed, sure: %(percent)s%%") if best.sure else _("proposed, please check: %(percent)s%%")
            return said % slots
        return _("proposed, rather sure") if best.sure else _("proposed, one word only")
    if len(found) >= 2:
        return _("fits the words, rather sure")
    return _("fits one word") if found else _("no word of it occurs, please check")


def urgency_hint(request: Request) -> Words:
    """Where the urgency comes from."""
    usual = request.category.urgency if request.category else Urgency.NORMAL
    if request.urgency == usual:
        return _("as this matter is by the list") if usual != Urgency.NORMAL else ""
    return _("set by hand")


def cut(text: str, found: Iterable[str], spans: Iterable[tuple[int, int]] = ()) -> list[tuple[str, bool]]:
    """The text in pieces, the words that were found and the given spans marked; longer finds win. O(text × finds)."""
    all_spans = [*spans, *((m.start(), m.end()) for w in set(found) if w for m in re.finditer(re.escape(w), text))]
    marks = [False] * len(text)
    for start, end in sorted(all_spans, key=lambda s: s[0] - s[1]):
        if not any(marks[start:end]):
            marks[start:end] = [True] * (end - start)
    pieces: list[tuple[str, bool]] = []
    for char, mark in zip(text, marks, strict=True):
        if pieces and pieces[-1][1] == mark:
            pieces[-1] = (pieces[-1][0] + char, mark)
        else:
            pieces.append((char, mark))
    return pieces


# Whom it might go to --------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Proposal:
    """Units for an item, the best one first; or who must name one, when it came back too often."""

    units: list[ProposedUnit]
    about: ProposedCategory | None = None  # what it is taken for, where nobody chose a matter: sending it says so
    bounces: int = 0
    limit: int | None = None  # how often something may come back; read only for what did
    appointers: list[Person] = field(default_factory=list)

    @property
    def at_limit(self) -> bool:
        """It came back as often as the rule allows: a lead must be named by somebody above."""
        return self.limit is not None and self.bounces >= self.limit

    @property
    def best(self) -> ProposedUnit | None:
        return self.units[0] if self.units else None

    @property
    def others(self) -> list[ProposedUnit]:
        return self.units[1:]


def level_of(actor: Actor, path: str) -> int:
    """At which level the actor's desk over this place stands: 3 a county's (or one above), 4 a street's, 5 a community's."""
    mine = min((len(p) for p in desk_paths(actor) if path.startswith(p)), default=0)
    return 3 if mine <= 6 else 4 if mine <= 9 else 5


def proposal(actor: Actor, item: Item, now: dt.datetime) -> Proposal:
    """Four statements; one more for what came back, and another at the limit."""
    request, about = item.request, None
    if request.category is None and item.guessed and item.guessed[0].likely:
        about, request = item.guessed[0], copy(request)
        request.category = about.category
    units = propose.units_for(request, now, level=level_of(actor, request.area_path))
    if about is not None and units:
        units[0].reasons.insert(0, propose.read_as(about))
    gave_back = {d["unit"]: d["reason"] for d in item.returned}
    for p in units:
        if p.unit.pk in gave_back:
            p.reasons.insert(0, Reason(_("It gave this one back: %(why)s") % {"why": gave_back[p.unit.pk]}, "-"))
    units.sort(key=lambda p: p.unit.pk in gave_back)
    made = Proposal(units[: ALTERNATIVES + 1], about, request.bounces)
    if request.bounces:
        made.limit = limits([request], now).get(request.pk)
        if made.at_limit:
            made.appointers = people_with(Cap.APPOINT_LEAD, at=now, path=request.area_path)
    return made


def limits(requests: Sequence[Request], now: dt.datetime) -> dict[int, int]:
    """{request id: how often it may come back}, for those with a rule in force. One statement for all."""
    paths = {p for r in requests for p in chain(r.area_path)}
    rows = [RuleVersion.of(r) for r in Rule.objects.on(local_day(now)).filter(key=LIMIT, area_path__in=paths)]
    found = {}
    for r in requests:
        rule = choose([v for v in rows if v.area_path in chain(r.area_path)], facts_of(r)).get(LIMIT)
        if rule is not None:
            found[r.pk] = int(rule.value)
    return found


@dataclass(frozen=True, slots=True)
class FoundUnit:
    """A unit found by name; `needs_rule`: the duty list does not let it go down there without naming a rule."""

    unit: Organisation
    needs_rule: DutyRow | None


def find_units(request: Request, text: str, now: dt.datetime) -> list[FoundUnit]:
    """Open units of the county and above it by name or initials, those called exactly so first. Two statements."""
    county, text = request.area_path[:6], text.strip()
    kinds = () if text else ("department", "township")
    found = search_orgs(text, at=now, within=(county,), also=chain(county)[1:-1], kinds=kinds, limit=100)
    found = sorted(found, key=lambda o: (text not in o.short_name, len(o.area_path)))[:FOUND]
    rows = (
        duty.rows_for(request.category, request.area_path, local_day(now))
        if any(o.kind in GRASSROOTS for o in found)
        else []
    )
    nearest = [r for r in rows if r.category_id == rows[0].category_id]
    guard = next((r for r in nearest if r.functional), None)

    def needs(unit: Organisation) -> DutyRow | None:
        named = any(r.local == unit.kind or r.unit_id == unit.pk for r in nearest)
        return guard if unit.kind in GRASSROOTS and not named else None

    return [FoundUnit(o, needs(o)) for o in found]


def duty_row_for(request: Request, unit_id: int, row_id: int) -> int | None:
    """The duty row a dispatch rests on, if it is one that speaks of this place and names this unit (or its kind). One statement."""
    row = DutyRow.objects.filter(pk=row_id, area_path__in=chain(request.area_path)).first()
    if row is None or (row.unit_id is not None and row.unit_id != unit_id):
        return None
    return int(row.pk)


# One request, for whoever works at its desk -----------------------------------------------------------------------------
def at_desk(actor: Actor, code: str, *related: str) -> Request:
    """A request in the areas of the actor's desk; NotFound (L-404) otherwise. One statement."""
    found = Request.objects.visible_to(actor).select_related(*related).filter(code=code).first()
    if found is None or not covers(desk_paths(actor), found.area_path):
        raise NotFound
    return found


def at_desk_by_id(actor: Actor, pk: int, *related: str) -> Request:
    """The same by primary key."""
    found = Request.objects.visible_to(actor).select_related(*related).filter(pk=pk).first()
    if found is None or not covers(desk_paths(actor), found.area_path):
        raise NotFound
    return found


# Choosing a category ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Branch:
    """A category with those below it."""

    category: Category
    below: list[Branch]


def category_tree() -> list[Branch]:
    """The open categories as a tree of three levels. One statement."""
    rows = list(Category.objects.filter(closed_on=None).order_by("code"))
    below: dict[int | None, list[Category]] = {}
    for c in rows:
        below.setdefault(c.parent_id, []).append(c)

    def branches(parent: int | None) -> list[Branch]:
        return [Branch(c, branches(c.pk)) for c in below.get(parent, ())]

    return branches(None)


# What has just happened -----------------------------------------------------------------------------------------------
def can_take_back(request: Request, now: dt.datetime) -> bool:
    """The unit has not moved yet and the rule's few minutes are not over. Two statements."""
    lead = Dispatch.objects.filter(request=request, role="lead", state="offered").first()
    if request.state != "dispatched" or lead is None:
        return False
    rule = rules_for(request, (TAKE_BACK,), now)[TAKE_BACK]
    calendar = parts.display_calendar(request.area_path, now)
    return now <= calendar.due(lead.offered_at, int(rule.value["amount"]), rule.value["unit"]).at


def what_happened(request: Request, now: dt.datetime) -> str:
    """Why a request no longer waits at the desk, for whoever comes second: "孙坐席刚派给了住建局". One statement."""
    lead: Any = (
        Dispatch.objects.filter(request=request, role="lead", state__in=Dispatch.LIVE)
        .select_related("unit")
        .annotate(who=called("offered_by__"))
        .order_by("-id")
        .first()
    )
    if lead is not None and request.state in {*WITH_UNIT, "replied"}:
        slots = {"who": lead.who, "unit": lead.unit.short_name, "when": words.when(lead.offered_at, now)}
        if now - lead.offered_at < dt.timedelta(minutes=10):
            return _("%(who)s has just sent it to %(unit)s.") % slots
        return _("%(who)s sent it to %(unit)s, %(when)s.") % slots
    return _("It no longer waits at the desk: %(state)s.") % {"state": parts.STATE_WORDS[request.state]}


# Returns that wait for a decision ---------------------------------------------------------------------------------------
def returning(actor: Actor) -> QuerySet[Dispatch]:
    """Dispatches whose unit asks to give them back, in the areas of the actor's desk."""
    rows: QuerySet[Dispatch] = Dispatch.objects.filter(state="returning")
    return rows.filter(within("area_path", actor.paths(Cap.DISPATCH)), request__in=Request.objects.visible_to(actor))
