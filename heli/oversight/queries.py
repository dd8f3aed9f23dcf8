"""Every read about tips. All but the teller's own page start from `visible_to(actor)`."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from django.conf import settings
from django.db.models import Count, Q, QuerySet, Value
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import npgettext

from heli.core import vault, words
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.cards import NextAct
from heli.core.errors import NotFound
from heli.core.models import Access, Event, StoredFile
from heli.core.paging import Page, keyset
from heli.core.subjects import Subject
from heli.engines import grams
from heli.engines.identifiers import without_personal
from heli.engines.workdays import Unit
from heli.loop.queries import parts
from heli.orgs.models import Organisation
from heli.orgs.queries import area_names, search_orgs
from heli.oversight.models import Posing, Tip, TipNote
from heli.oversight.states import ENDED, OPEN, UNDECIDED
from heli.rulebook import queries as rulebook

Words = str | Promise
SUBJECT = "oversight.tip"
ALIKE = 0.4  # of the pairs of characters of two names, the share in both: above, they are shown beside each other
SHOWN = 6
LOOKED_AT = 200  # names with a character in common that are compared


# The names of organisations, for anybody -------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Known:
    """An organisation of our list whose name is, or is like, what was typed."""

    name: str
    code: str
    kind: Words
    area: str
    exact: bool


def likeness(one: str, other: str) -> float:
    """How much two names have in common, 0 to 1: twice the pairs of characters in both, by the pairs of each (Dice)."""
    a, b = ({g for g in grams.grams(grams.folded(x)) if g >> grams.BITS} for x in (one, other))
    return 2 * len(a & b) / (len(a) + len(b)) if a and b else 0.0


def known_as(text: str, *, at: dt.datetime) -> list[Known]:
    """Open organisations of our list with this name, or one like it; the surest first. At most three statements.

    It says what is in the list. Who is not in it may be as genuine.
    """
    text = " ".join(text.split())[:80]
    if len(text) < 2:
        return []
    home = settings.HELI_HOME_AREA[:4]  # the city: charities of a neighbouring county come here too
    found = search_orgs(text, at=at, within=[home], limit=SHOWN)
    if not found:
        pairs = [text[i : i + 2] for i in range(len(text) - 1)][:12]
        some = Q(pk__in=[])
        for pair in pairs:
            some |= Q(name__icontains=pair)
        near = Organisation.objects.open_on(at).filter(some, area_path__startswith=home).order_by("id")[:LOOKED_AT]
        ranked = sorted(
            ((max(likeness(text, o.name), likeness(text, o.short_name)), o) for o in near), key=lambda p: -p[0]
        )
        found = [o for score, o in ranked if score >= ALIKE][:SHOWN]
    names = area_names(o.area_path for o in found)
    rows = [
        Known(o.name, o.code, o.get_kind_display(), names.get(o.area_path, ""), text in {o.name, o.short_name})
        for o in found
    ]
    return sorted(rows, key=lambda k: not k.exact)


# The teller ------------------------------------------------------------------------------------------------------------
def sent_before(form_key: uuid.UUID | None, name: str, text: str) -> Tip | None:
    """What was told with this form already, if it is the same; for who pressed twice. One statement."""
    if form_key is None:
        return None
    shown = without_personal(" ".join(name.split())[:80]), without_personal(text.strip())
    return Tip.objects.filter(form_key=form_key, name=shown[0], text=shown[1]).first()


def readings(tip: Tip) -> QuerySet[Access]:
    """Who read what this tip's teller left, newest first. One statement."""
    return vault.who_read([tip.record_id] if tip.record_id else [])


# Those who handle tips -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Filters:
    """What the queue is narrowed to. `state`: todo (our turn), open, ended, all, or a state."""

    q: str = ""
    state: str = "todo"
    posing: str = ""
    due: str = ""

    @classmethod
    def read(cls, get: Mapping[str, str]) -> Filters:
        """From the address; what is not known is ignored."""
        state = get.get("state", "")
        return cls(
            q=get.get("q", "").strip()[:60],
            state=state if state in {"open", "all", "ended", *OPEN, *ENDED} else "todo",
            posing=get.get("posing", "") if get.get("posing") in Posing.values else "",
            due="late" if get.get("due") == "late" else "",
        )

    def kept(self) -> dict[str, str]:
        """The ones that narrow, by name."""
        said = {f.name: getattr(self, f.name) for f in fields(self)}
        return {k: v for k, v in said.items() if v and (k, v) != ("state", "todo")}


def tips(actor: Actor, f: Filters, now: dt.datetime) -> QuerySet[Tip]:
    """The tips that fit, for the list and the export."""
    rows: QuerySet[Tip] = Tip.objects.visible_to(actor).select_related("area")
    if f.state == "todo":
        rows = rows.filter(state__in=UNDECIDED)
    elif f.state == "open":
        rows = rows.filter(state__in=OPEN)
    elif f.state == "ended":
        rows = rows.filter(state__in=ENDED)
    elif f.state != "all":
        rows = rows.filter(state=f.state)
    if f.q:
        rows = rows.filter(Q(code__startswith=f.q.upper().replace(" ", "")) | Q(name__icontains=f.q))
    if f.posing:
        rows = rows.filter(posing=f.posing)
    if f.due:
        rows = rows.filter(state__in=UNDECIDED, due_at__lt=now)
    return rows


def tips_page(actor: Actor, f: Filters, now: dt.datetime, *, after: str | None = None) -> Page[Tip]:
    """One page: what is open by its deadline, everything else the latest first. One statement."""
    by_deadline = f.state in {"todo", "open", *UNDECIDED}
    return keyset(tips(actor, f, now), order=("due_at", "id") if by_deadline else ("-told_at", "-id"), after=after)


def tip_seen(actor: Actor, tip_id: int) -> Tip:
    """One tip; NotFound (L-404) for whoever does not handle tips there. One statement."""
    found: Tip | None = Tip.objects.visible_to(actor).select_related("area", "rule").filter(pk=tip_id).first()
    if found is None:
        raise NotFound
    return found


@dataclass(frozen=True, slots=True)
class Like:
    """Another tip, and why it is shown: together with this one, or how like its name is (percent)."""

    tip: Tip
    together: bool
    percent: int


def alike(actor: Actor, tip: Tip) -> list[Like]:
    """Tips that are together with this one, then those of a name like its. Two statements."""
    first = tip.same_as_id or tip.pk
    seen = Tip.objects.visible_to(actor).select_related("area").exclude(pk=tip.pk)
    group = list(seen.filter(Q(pk=first) | Q(same_as_id=first)).order_by("-told_at", "-id")[:50])
    have = {t.pk for t in group}
    pairs = [g for g in tip.name_grams if g >> grams.BITS]
    # a plain list would be sent number by number, each as four bytes
    wanted = Value(pairs, output_field=Tip._meta.get_field("name_grams"))
    near = seen.filter(name_grams__overlap=wanted).order_by("-id")[:LOOKED_AT] if pairs else ()
    scored = sorted(
        ((likeness(tip.name, t.name), t) for t in near if t.pk not in have), key=lambda p: (-p[0], -p[1].pk)
    )
    return [Like(t, True, 100) for t in group] + [
        Like(t, False, round(score * 100)) for score, t in scored[:SHOWN] if score >= ALIKE
    ]


def notes(actor: Actor, tip: Tip) -> list[TipNote]:
    """Notes, newest first. One statement."""
    return list(TipNote.objects.visible_to(actor).filter(tip=tip).order_by("-at", "-id")[:100])


def history(tip: Tip) -> list[Event]:
    """What happened with a tip the caller has seen, newest first. One statement."""
    return list(Event.objects.filter(subject_type=SUBJECT, subject_id=tip.pk).order_by("-id")[:60])


def photo(actor: Actor, tip_id: int, file_id: uuid.UUID) -> StoredFile:
    """A photo of a tip the actor may see; NotFound (L-404) otherwise. Two statements."""
    tip = tip_seen(actor, tip_id)
    found = StoredFile.objects.filter(pk=file_id, subject_type=SUBJECT, subject_id=tip.pk).first()
    if found is None or file_id not in tip.photos:
        raise NotFound
    return found


def describe_tips(ids: list[int], actor: Actor) -> dict[int, Subject]:
    """For lists of readings: that it was about a tip, with a link for who handles it. One statement."""
    seen = set(Tip.objects.visible_to(actor).filter(pk__in=ids).values_list("pk", flat=True))
    return {
        pk: Subject(_("A tip on an impostor"), reverse("oversight:one", args=[pk]) if pk in seen else "") for pk in ids
    }


# The first page --------------------------------------------------------------------------------------------------------
def next_acts(actor: Actor, now: dt.datetime) -> list[NextAct]:
    """Tips that wait for whoever handles them. One statement, none for others."""
    if not actor.paths(Cap.HANDLE_TIPS):
        return []
    n = (
        Tip.objects.visible_to(actor)
        .filter(state__in=UNDECIDED)
        .aggregate(open=Count("pk"), late=Count("pk", filter=Q(due_at__lt=now)), paid=Count("pk", filter=Q(paid=True)))
    )
    if n["late"]:
        said = npgettext("tips", "%(n)s is past its time", "%(n)s are past their time", n["late"]) % {"n": n["late"]}
    elif n["paid"]:
        said = _("money was handed over in %(n)s of them") % {"n": n["paid"]}
    else:
        said = _("somebody collects in the name of charity")
    state = "late" if n["late"] else "soon" if n["paid"] else "doing"
    return [NextAct(_("Tips on impostors"), said, n["open"], reverse("oversight:tips"), state)]


def counted(ids: Iterable[int]) -> dict[int, Any]:
    """How many notes each of these tips has. One statement; the caller has seen them."""
    rows = TipNote.objects.filter(tip__in=list(ids)).order_by().values("tip").annotate(n=Count("pk"))
    return {r["tip"]: r["n"] for r in rows}


def clock_of(tip: Tip, now: dt.datetime) -> parts.ClockPart:
    """The first look as a clock, with its rule; the tip comes with the rule."""
    calendar = parts.display_calendar(tip.area_path, now)
    end, unit = tip.decided_at or now, tip.rule.value["unit"]
    measure: Unit = "working_minute" if unit.startswith("working") else "minute"
    day = calendar.day_minutes if measure == "working_minute" else words.DAY
    total = max(1, calendar.used(tip.started_at, tip.due_at, measure))
    used = calendar.used(tip.started_at, end, measure)
    late = end > tip.due_at
    if tip.decided_at is not None:
        state, said = "late" if late else "done", _("took %(amount)s") % {"amount": words.amount(used, day_minutes=day)}
    elif late:
        over = max(1, calendar.used(tip.due_at, now, measure))
        state, said = "late", words.left(-over, day_minutes=day)
    else:
        state = "soon" if used >= total * parts.SOON else "doing"
        rest = calendar.used(now, tip.due_at, measure)
        said = words.left(rest, day_minutes=day, working=measure == "working_minute")
    limit = words.limit(tip.rule.value["amount"], unit)
    return parts.ClockPart(
        name=_("First look"),
        words=said,
        state=state,
        percent=100 * total / max(used, total) if state == "late" else min(100.0, 100 * used / total),
        due_words=_("%(due)s, %(limit)s") % {"due": words.due_by(tip.due_at, now), "limit": limit},
        rule_words=_("Rule: %(title)s, version %(n)s") % {"title": _("First look"), "n": tip.rule.version},
        rule_url=reverse("rulebook:rule", args=[tip.rule_id]),
        provisional=tip.provisional,
        verified=tip.rule.verified,
        until=None if tip.decided_at else tip.due_at,
        due_at=tip.due_at,
        pk=0,
        kind="tip",
    )


def row_cap(actor: Actor, now: dt.datetime) -> tuple[int, str]:
    """Most rows in one export, and the area whose rule says so. One statement."""
    path = min(actor.paths(Cap.HANDLE_TIPS), key=len, default="")
    on = timezone.localtime(now).date()
    return int(rulebook.in_force(["export.row_cap"], path=path, on=on)["export.row_cap"].value), path
