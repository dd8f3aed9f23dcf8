"""What the machine proposes: category, place, unit, twins. Each proposal says why; people decide."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.contrib.postgres.aggregates import StringAgg
from django.db.models import Count, F, Func, Q, TextField, Value
from django.db.models.functions import Concat
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from heli.loop import duty, reader
from heli.loop.clocks import local_day
from heli.loop.models import Category, Dispatch, DutyRow, Request
from heli.orgs.models import GRASSROOTS, Organisation, OrgKind
from heli.rulebook import queries as rulebook

Words = str | Promise
HISTORY = dt.timedelta(days=90)
SURE = "text.sure"
FAINT = 0.04  # below this probability nothing is offered
OTHERWISE = 0.8  # from here the reader speaks up against what somebody chose
HALF = 0.5  # from here it is shown whom it would go to
ASKS = 0.3  # a reader that is less sure than this listens to the words of the list first


@dataclass(frozen=True, slots=True)
class Reason:
    """For {% why %}: see heli/web/parts.py."""

    words: Words
    weight: str = "+"
    source_words: Words = ""
    source_url: str = ""


@dataclass(frozen=True, slots=True)
class ProposedCategory:
    """A leaf of the category tree: pieces of the text that speak for it, and how probable the reader thinks it is (None:
    found by the words of the list alone)."""

    category: Category
    found: tuple[str, ...]
    probability: float | None = None
    sure: bool = False

    @property
    def likely(self) -> bool:
        """Enough to show whom it would go to."""
        return self.sure or (self.probability or 0.0) >= HALF

    @property
    def percent(self) -> int | None:
        return None if self.probability is None else min(99, round(self.probability * 100))


@dataclass(slots=True)
class ProposedUnit:
    """A unit a request might go to, with the reasons for and against."""

    unit: Organisation
    reasons: list[Reason] = field(default_factory=list)
    assists: tuple[Organisation, ...] = ()
    row: DutyRow | None = None
    needs_rule: DutyRow | None = None  # the duty list does not let it go there without naming a rule


@lru_cache(maxsize=1)
def _leaves(_words: str) -> tuple[tuple[int, tuple[str, ...]], ...]:
    rows = Category.objects.filter(level=3, closed_on=None).values_list("pk", "words").order_by("code")
    return tuple((pk, tuple(words)) for pk, words in rows)


def _version() -> str:
    """Another string once a leaf's words change, in whatever process; the list itself is read only then. One statement."""
    words = Func(F("words"), Value(" "), function="array_to_string", output_field=TextField())
    line = Concat("code", Value(" "), words, output_field=TextField())
    seen = Category.objects.filter(level=3, closed_on=None).aggregate(
        v=Func(StringAgg(line, delimiter="\n", order_by="code"), function="md5", output_field=TextField())
    )
    return str(seen["v"])


def by_words(text: str) -> list[tuple[int, tuple[str, ...]]]:
    """(leaf, its words of the list that occur), most and longest words first. One statement, a second one while the list
    is cold. O(words of the tree × text)."""
    scored = []
    for pk, words in _leaves(_version()):
        found = tuple(w for w in words if w in text)
        if found:
            scored.append((sum(len(w) for w in found) + len(found), pk, found))
    return [(pk, found) for _score, pk, found in sorted(scored, key=lambda s: (-s[0], s[1]))]


def categories_of(
    text: str, *, title: str = "", area_path: str = "", on: dt.date | None = None, limit: int = 3
) -> list[ProposedCategory]:
    """What a text may be about, the most probable first; none when nothing is found.

    The reader of the place says it where there is one. What it has no examples of, and everything where it abstains, is
    also looked for by the words of the list. Statements: 4 at most while nothing has changed (words, reader, rule,
    categories).
    """
    listed = by_words(title + text)
    loaded = reader.live(area_path)
    choices: list[tuple[str, float]] = []
    sure = False
    if loaded is not None and text.strip():
        rows = rulebook.candidates((SURE,), area_path[:6], on or timezone.localdate())
        rule = rulebook.choose(rows, {}).get(SURE)
        read = loaded.read([title], [text], percent=rule.value if rule is not None else 100)[0]
        choices = [c for c in read.choices if c[1] >= FAINT] if not read.rejected else []
        sure = read.sure and rule is not None
    return blended(choices, sure, listed, why=lambda code: loaded.why(title, text, code) if loaded else (), limit=limit)


def of_reading(read: Mapping[str, Any], text: str, *, limit: int = 3) -> list[ProposedCategory]:
    """The same from what was read when the request came in. Three statements at most."""
    choices = [(code, p) for code, p in read["choices"] if p >= FAINT] if not read["rejected"] else []
    return blended(choices, read["sure"], by_words(text), why=lambda _code: tuple(read["words"]), limit=limit)


def blended(
    choices: Sequence[tuple[str, float]],
    sure: bool,
    listed: Sequence[tuple[int, tuple[str, ...]]],
    *,
    why: Callable[[str], tuple[str, ...]],
    limit: int,
) -> list[ProposedCategory]:
    """The reader's choices and what the list finds, as one order. The list goes first only where the reader is not sure
    and two of its words speak for a matter the reader did not think of. One statement."""
    wanted = Q(code__in=[code for code, _p in choices]) | Q(pk__in=[pk for pk, _found in listed[:limit]])
    rows = Category.objects.filter(wanted, level=3, closed_on=None).select_related("parent__parent")
    by_code = {c.code: c for c in rows} if choices or listed else {}
    by_id = {c.pk: c for c in by_code.values()}
    found: dict[int, ProposedCategory] = {}
    for code, p in choices:
        if (c := by_code.get(code)) is not None:
            said = why(code) if not found else dict(listed).get(c.pk, ())
            found[c.pk] = ProposedCategory(c, said or dict(listed).get(c.pk, ()), p, sure and not found)
    extra = [
        ProposedCategory(by_id[pk], words, None, not choices and len(words) >= 2)
        for pk, words in listed[:limit]
        if pk in by_id and pk not in found
    ]
    first = [p for p in extra[:1] if not sure and len(p.found) >= 2 and choices and choices[0][1] < ASKS]
    rest = [p for p in extra if p not in first] if not sure else []
    return [*first, *found.values(), *rest][:limit]


def read_as(about: ProposedCategory) -> Reason:
    """Why the units of a matter are shown that nobody chose."""
    slots = {"matter": about.category, "words": "、".join(f"“{w}”" for w in about.found[:4]), "percent": about.percent}
    if about.percent is None:
        return Reason(_("Read as “%(matter)s” by %(words)s") % slots, "+")
    if not about.found:
        return Reason(_("Read as “%(matter)s” (%(percent)s%%)") % slots, "+")
    return Reason(_("Read as “%(matter)s” (%(percent)s%%), by %(words)s") % slots, "+")


def units_for(request: Request, now: dt.datetime, *, level: int = 3) -> list[ProposedUnit]:
    """Units a request might go to from a desk of that level, the duty list's first, each with its reasons. Four statements.

    Reasons: the row of the duty list; how this unit did with the same category in the last 90 days; what it has in hand.
    A closed unit is not proposed, whatever the list says.
    """
    listed = [r for r in duty.rows_for(request.category, request.area_path, local_day(now)) if r.level == level]
    past = did_before(request, now)
    known = duty.units_of(request, listed, also=past)
    rows = duty.settled(request, listed, known)
    found: dict[int, ProposedUnit] = {}
    for r in rows:
        if r.unit is None or (r.unit.closed_at is not None and r.unit.closed_at <= now):
            continue
        p = found.setdefault(r.unit.pk, ProposedUnit(r.unit, assists=r.assists, row=r.row))
        words = _("The duty list gives “%(category)s” to it") % {"category": r.row.category}
        p.reasons.append(Reason(words, "+", _("row %(n)s") % {"n": r.row.number}, f"/loop/duty/?q={r.row.number}"))
        if r.row.note:
            p.reasons.append(Reason(r.row.note, "?"))
    for unit_id, (dealt, returned) in past.items():
        if unit_id not in known:
            continue
        p = found.setdefault(unit_id, ProposedUnit(known[unit_id]))
        slots = {"n": dealt, "back": returned}
        code, since = request.category.code if request.category else "", local_day(now - HISTORY)
        url = f"/loop/requests/?sent_to={unit_id}&sent_since={since}&category={code}&area={request.area_path[:6]}"
        said = (
            _("Of %(n)s like it in 90 days it gave none back") % slots
            if not returned
            else _("It gave back %(back)s of %(n)s like it in 90 days") % slots
        )
        p.reasons.append(Reason(said, "+" if returned * 5 < dealt else "-", _("see %(n)s") % {"n": dealt}, url))
    for street in (o for o in known.values() if o.kind == OrgKind.TOWNSHIP and o.area_path == request.area_path[:9]):
        found.setdefault(street.pk, ProposedUnit(street))
    shown = sorted(found.values(), key=lambda p: (p.row is None, -len(p.reasons)))[:4]
    load = in_hand([p.unit.pk for p in shown], now)
    guard = rows[0].row if rows and rows[0].row.functional else None
    for p in shown:
        total, soon = load.get(p.unit.pk, (0, 0))
        if total:
            said = _("It has %(n)s in hand, %(soon)s due within two days") % {"n": total, "soon": soon}
            p.reasons.append(
                Reason(
                    said,
                    "-" if soon > 5 else "?",
                    _("see %(n)s") % {"n": total},
                    f"/loop/requests/?unit={p.unit.pk}&state=with_unit",
                )
            )
        if guard is not None and p.row is None and p.unit.kind in GRASSROOTS:
            p.needs_rule = guard
            p.reasons.insert(
                0,
                Reason(
                    _("A department's matter: name the rule that lets it go down"),
                    "-",
                    _("row %(n)s") % {"n": guard.number},
                ),
            )
    return shown


def did_before(request: Request, now: dt.datetime) -> dict[int, tuple[int, int]]:
    """{unit id: (dealt with, given back)} for the same category in the county, 90 days, three units. One statement."""
    if request.category_id is None:
        return {}
    county = request.area_path[:6]
    rows = (
        Dispatch.objects.filter(role="lead", offered_at__gte=now - HISTORY, request__category=request.category_id)
        .filter(request__area_path__gte=county, request__area_path__lt=county + "~")
        .exclude(state="withdrawn")  # taken back at once, or the resident took it back: says nothing of the unit
        .values("unit")
        .annotate(n=Count("id"), back=Count("id", filter=Q(state="returned")))
        .order_by("-n")[:3]
    )
    return {r["unit"]: (r["n"], r["back"]) for r in rows}


def in_hand(unit_ids: Sequence[int], now: dt.datetime) -> dict[int, tuple[int, int]]:
    """{unit id: (requests in hand, due within two days)}. One statement, index request_unit."""
    rows = (
        Request.objects.filter(unit__in=unit_ids, state__in=("dispatched", "handling"))
        .values("unit")
        .annotate(n=Count("id"), soon=Count("id", filter=Q(due_at__lte=now + dt.timedelta(days=2))))
    )
    return {r["unit"]: (r["n"], r["soon"]) for r in rows}
