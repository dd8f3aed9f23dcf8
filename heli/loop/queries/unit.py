"""The request page: who the reader is to this request, what they should do now, and which acts are open to them.

`standing`, `next_act` and `tabs` are pure: they look at a Detail and an Actor and ask the database nothing.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from heli.core import words
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import NotFound
from heli.core.models import StoredFile
from heli.loop import rates, ways
from heli.loop.clocks import facts_of
from heli.loop.models import (
    Category,
    Clock,
    Dispatch,
    Exclusion,
    Extension,
    Handling,
    Request,
    Voice,
)
from heli.loop.queries.detail import SUBJECT, Detail
from heli.loop.queries.parts import ClockPart
from heli.loop.states import AFTER_REPLY, OPEN, WITH_UNIT
from heli.places.models import Area
from heli.rulebook import queries as rulebook
from heli.rulebook.queries import RuleVersion

Words = str | Promise
YEAR = dt.timedelta(days=365)
NOT_SENT = ("draft", "in_review")


# Who the reader is -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody is to one request."""

    officer: bool = False  # of its lead unit
    chief: bool = False  # approves the replies of its lead unit
    assist: Dispatch | None = None  # their unit was asked to help
    desk: bool = False
    supervisor: bool = False
    appoints: bool = False
    reviser: bool = False
    hears: bool = False
    excludes: bool = False
    handled: bool = False  # had a hand in it, so never records what the resident thinks

    @property
    def of_unit(self) -> bool:
        return self.officer or self.chief

    @property
    def at_work(self) -> bool:
        return self.of_unit or self.assist is not None


def standing(d: Detail, actor: Actor) -> Standing:
    """What the actor is to this request. Pure."""
    path, lead = d.request.area_path, d.request.unit_id
    helping = actor.org_ids(Cap.HANDLE_REQUESTS)
    units = actor.org_ids(Cap.HANDLE_REQUESTS, Cap.APPROVE_REPLY)
    live = [x for x in d.dispatches if x.state in Dispatch.LIVE]
    return Standing(
        officer=lead is not None and lead in helping,
        chief=lead is not None and lead in actor.org_ids(Cap.APPROVE_REPLY),
        assist=next((x for x in live if x.role == "assist" and x.unit_id in helping), None),
        desk=actor.can(Cap.DISPATCH, path=path),
        supervisor=actor.can(Cap.SUPERVISE, path=path),
        appoints=actor.can(Cap.APPOINT_LEAD, path=path),
        reviser=actor.can(Cap.REVISIT, path=path),
        hears=actor.can(Cap.HEAR, path=path),
        excludes=actor.can(Cap.EXCLUDE, path=path),
        handled=any(x.unit_id in units or x.accepted_by_id == actor.user_id for x in live)
        or any(h.written_by_id == actor.user_id for h in d.handlings),
    )


def current(d: Detail) -> Any:
    """The reply of the present round, if somebody has begun it."""
    return next((h for h in d.handlings if h.lap == d.request.lap and h.unit_id == d.request.unit_id), None)


def clock_of(d: Detail, *kinds: str) -> ClockPart | None:
    """The running clock of one of these kinds."""
    return next((c for c in d.running if c.kind in kinds), None)


def unjudged(d: Detail) -> list[Any]:
    """Voices that have not judged the present round."""
    lap = d.request.lap
    return [v for v in d.voices if not any(j["lap"] == lap and j["reached"] for j in v.judged)]


def unheard(d: Detail) -> Any:
    """What the resident said in this round, while nobody of ours has said or noted anything since."""
    said = next((r for r in d.remarks if r.kind != "supervise"), None)
    since = d.request.replied_at or d.request.heard_at
    return said if said is not None and said.kind == "answer" and said.at >= since else None


def given_back(d: Detail) -> str:
    """Why the unit's lead gave the draft back, while it has not been written anew; '' otherwise."""
    draft = current(d)
    if draft is None or draft.state != "draft":
        return ""
    last = next((e for e in d.events if e.step in {"handling.write", "handling.correct"}), None)
    return str(last.data.get("reason", "")) if last is not None and last.step == "handling.correct" else ""


# What to do now ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class NextStep:
    """The one thing this person should do now. Without `tab`, `verb` and `url` it is somebody else's turn."""

    key: str
    title: Words
    words: Words = ""
    button: Words = ""
    icon: str = "pen"
    tab: str = ""  # the tab that holds the form
    verb: str = ""  # an act that needs no form, on the thing `pk`
    pk: int = 0
    url: str = ""  # another page where it is done
    phone: bool = False  # the number is needed for it


def by_when(c: ClockPart | None, now: dt.datetime) -> str:
    """ "今天 15:30 前", or how much it is over."""
    if c is None:
        return ""
    return str(c.words) if c.state == "late" else words.due_by(c.due_at, now)


def _titled(title: str, c: ClockPart | None, now: dt.datetime) -> str:
    due = by_when(c, now)
    return _("%(title)s, %(due)s") % {"title": title, "due": due} if due else title


def next_act(d: Detail, actor: Actor, now: dt.datetime, *, limit: int | None = None) -> NextStep | None:
    """What the actor should do with this request now; None when nothing is theirs to do. Pure.

    `limit`: the returns after which a lead is named by force.

    Where somebody is several things at once, the unit's work comes first, then decisions, then calls.
    """
    s = standing(d, actor)
    for found in (
        _of_unit(d, s, actor, now),
        _of_assist(d, s),
        _of_supervisor(d, s, actor, limit),
        _of_desk(d, s, now),
    ):
        if found is not None:
            return found
    return _of_reviser(d, s, now)


def _of_unit(d: Detail, s: Standing, actor: Actor, now: dt.datetime) -> NextStep | None:
    if not s.of_unit or d.lead is None:
        return None
    if d.request.state == "dispatched":
        return _before_accepting(d, s, now)
    if d.request.state == "replied":
        told = _("If it is not solved for them, it comes back to you with a clock of its own.")
        return NextStep("waits_resident", _("The resident judges now"), told, icon="chat")
    if d.request.state != "handling":
        return None
    return _handling(d, s, actor, now)


def _before_accepting(d: Detail, s: Standing, now: dt.datetime) -> NextStep | None:
    assert d.lead is not None
    if d.lead.state == "returning":
        told = _("Its clocks keep running until then. Refused means it stays with you.")
        return NextStep("waits_desk", _("The desk decides on your return"), told, icon="back")
    if d.lead.state != "offered" or not s.officer:
        return None
    told = _("Not yours? Give it back with the reason and what it rests on. The clocks run meanwhile.")
    title = _titled(_("Take it on"), clock_of(d, "accept"), now)
    return NextStep("accept", title, told, _("Take it on"), "hand", verb="accept", pk=d.lead.pk)


def _handling(d: Detail, s: Standing, actor: Actor, now: dt.datetime) -> NextStep | None:
    assert d.lead is not None
    draft, reply = current(d), clock_of(d, "redo", "reply")
    if draft is not None and draft.state == "in_review":
        if s.chief and draft.written_by_id != actor.user_id:
            title = _titled(_("Read the reply and let it go out"), reply, now)
            told = _("%(name)s wrote it. Give it back if something is missing.") % {"name": draft.written_by}
            return NextStep("approve", title, told, _("Read it"), "check", tab="review")
        told = _("Somebody else of your unit reads it; it goes out when they agree.")
        return NextStep("waits_lead", _titled(_("The reply is being read"), reply, now), told, icon="check")
    if not s.officer:
        return None
    if d.lead.state == "returning":
        told = _("Its clocks keep running until then. Refused means it stays with you.")
        return NextStep("waits_desk", _("The desk decides on your return"), told, icon="back")
    way = ways.way_of(d.request.kind)
    tab, url = ("", way.url(d.request.code)) if way is not None and way.instead else ("reply", "")
    if why := given_back(d):
        title = _titled(_("Write the reply anew"), reply, now)
        return NextStep("rewrite", title, why, _("Write it anew"), tab=tab, url=url)
    if (contact := clock_of(d, "contact")) is not None:
        return _first_contact(d, contact, now)
    if (said := unheard(d)) is not None:
        told = said.text[:120]
        return NextStep("answer", _("The resident has said more"), told, _("Go on to the reply"), tab=tab, url=url)
    if way is not None:
        title = _titled(str(way.words), reply, now)
        return NextStep("way", title, way.note, way.words, way.icon, url=way.url(d.request.code))
    if d.request.lap > 1:
        title = _titled(_("Not solved for the resident: once more"), reply, now)
        return NextStep("redo", title, _last_judgement(d), _("Write the new reply"), tab="reply")
    told = _("Say what was done, when, and whom to call if it comes back.")
    return NextStep("reply", _titled(_("Write the reply"), reply, now), told, _("Write the reply"), tab="reply")


def _first_contact(d: Detail, contact: ClockPart, now: dt.datetime) -> NextStep:
    if any(v.named and v.record and v.record.phone_mask for v in d.voices):
        title = _titled(_("Call the resident first"), contact, now)
        told = _("Ask how it is there and whether anybody is hurt; agree when you come.")
        return NextStep("contact", title, told, _("Record a contact"), "phone", tab="contact", phone=True)
    title = _titled(_("Get in touch with the resident first"), contact, now)
    told = _("You have no number. Ask on their page; what you ask reaches them there.")
    return NextStep("contact", title, told, _("Ask the resident"), "chat", tab="ask")


def _last_judgement(d: Detail) -> str:
    """What an unhappy voice wrote about the round before."""
    said = (j["words"] for v in d.voices for j in v.judged if j["lap"] == d.request.lap - 1 and j["words"])
    return next(said, "") or _("They left no words; ask what is missing.")


def _of_assist(d: Detail, s: Standing) -> NextStep | None:
    if s.assist is None or d.request.state not in WITH_UNIT:
        return None
    lead = d.request.unit.short_name if d.request.unit else ""
    if s.assist.state == "offered":
        told = _("%(unit)s leads and answers the resident; you do your part.") % {"unit": lead}
        return NextStep(
            "help", _("Take on your part"), told, _("Take on our part"), "hand", verb="accept", pk=s.assist.pk
        )
    if s.assist.state == "accepted":
        told = _("%(unit)s needs it for the reply.") % {"unit": lead}
        return NextStep("opinion", _("Do your part and say what you did"), told, _("Write our part"), tab="opinion")
    return None


def _of_supervisor(d: Detail, s: Standing, actor: Actor, limit: int | None) -> NextStep | None:
    if s.supervisor and d.request.state == "appealed":
        told = _(
            "It was redone as often as the rule allows and is still not solved for the resident. They read your reason."
        )
        return NextStep("appeal", _("Decide: once more, or closed"), told, _("Decide"), "flag", tab="appeal")
    if s.supervisor and (asked := asked_extension(d, actor)) is not None:
        return NextStep("extension", _("Decide on more time"), asked["reason"], _("Decide"), "cal", tab="extension")
    if s.appoints and d.request.state == "heard" and limit is not None and d.request.bounces >= limit:
        told = _("Units gave it back %(n)s times. Whoever you name cannot give it back.") % {"n": d.request.bounces}
        return NextStep("force", _("Name the unit that leads"), told, _("Name the lead"), "bolt", tab="force")
    if s.excludes and any(x["state"] == "proposed" and x["proposed_by"] != actor.user_id for x in d.exclusions):
        told = _("Somebody proposed to leave it out of the rates; a second person decides.")
        return NextStep("exclusion", _("Decide on the exclusion"), told, _("Decide"), "minus", tab="exclusion")
    late = next((c for c in d.running if c.state == "late"), None)
    if s.supervisor and late is not None and d.request.state in WITH_UNIT and not supervised(d):
        said = _("%(clock)s: %(over)s") % {"clock": late.name, "over": late.words}
        return NextStep(
            "overdue", _("Overdue: ask the unit in writing"), said, _("Write to the unit"), "flag", tab="supervise"
        )
    return None


def asked_extension(d: Detail, actor: Actor | None = None) -> dict[str, Any] | None:
    """The extension that waits for a decision (by somebody else than `actor`)."""
    open_ = (x for x in d.extensions if x["state"] == "asked")
    return next((x for x in open_ if actor is None or x["asked_by"] != actor.user_id), None)


def supervised(d: Detail) -> bool:
    """A supervisor has already written in this round."""
    begun = d.request.dispatched_at if d.request.lap == 1 else d.request.replied_at
    return any(r.kind == "supervise" and (begun is None or r.at >= begun) for r in d.remarks)


def _of_desk(d: Detail, s: Standing, now: dt.datetime) -> NextStep | None:
    if not s.desk:
        return None
    asks = next((x for x in d.dispatches if x.state == "returning"), None)
    if asks is not None:
        title = _("%(unit)s asks to give it back") % {"unit": asks.unit.short_name}
        return NextStep("decide", title, asks.return_reason, _("Decide on the return"), "back", tab="decide")
    if d.request.state == "heard":
        title = _titled(_("Send it to a unit"), clock_of(d, "dispatch"), now)
        told = _("The desk shows which unit is responsible and why.")
        return NextStep("dispatch", title, told, _("Open it at the desk"), "send", url="desk")
    return None


def _of_reviser(d: Detail, s: Standing, now: dt.datetime) -> NextStep | None:
    if not s.reviser or s.handled or d.request.state not in {"replied", "lapsed"}:
        return None
    if not (left := unjudged(d)) or not any(c.kind == "revisit" for c in d.clocks):  # not drawn: it has no such clock
        return None
    title = _titled(_("Call back and ask"), clock_of(d, "revisit"), now)
    told = _("%(n)s who said it have not judged yet.") % {"n": len(left)}
    return NextStep("revisit", title, told, _("Start the call"), "phone", url="revisit")


# Which acts are open -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Tab:
    """One act with its form; `letter` is its key."""

    key: str
    title: Words
    icon: str
    letter: str
    pk: int = 0  # the thing it acts on


def tabs(d: Detail, actor: Actor, *, limit: int | None = None) -> list[Tab]:
    """The acts open to the actor, the usual one first. `limit`: returns after which a lead is named by force. Pure."""
    s = standing(d, actor)
    return [*_unit_tabs(d, s, actor), *_decisions(d, s, actor, limit), *_shared(d, s)]


def _unit_tabs(d: Detail, s: Standing, actor: Actor) -> Iterator[Tab]:
    r, draft = d.request, current(d)
    if s.assist is not None and s.assist.state == "accepted" and r.state in WITH_UNIT:
        yield Tab("opinion", _("Our part"), "pen", "W", s.assist.pk)
    if r.state == "handling" and draft is not None and draft.state == "in_review":
        if s.chief and draft.written_by_id != actor.user_id:
            yield Tab("review", _("Read the reply"), "check", "W", draft.pk)
    elif r.state == "handling" and s.officer and ways.plain_reply(r.kind):
        yield Tab("reply", _("Write the reply"), "pen", "W", r.pk)
    if s.at_work and r.state in WITH_UNIT:
        yield Tab("contact", _("Note a contact"), "phone", "C", r.pk)
    clock = clock_of(d, "redo", "reply")
    if s.officer and r.state in WITH_UNIT and clock is not None and asked_extension(d) is None:
        yield Tab("extend", _("Ask for more time"), "cal", "T", clock.pk)
    ours = d.lead if s.officer else s.assist
    if ours is not None and ours.state in {"offered", "accepted"} and not ours.forced and r.state in WITH_UNIT:
        yield Tab("return", _("Give back"), "back", "B", ours.pk)


def _decisions(d: Detail, s: Standing, actor: Actor, limit: int | None) -> Iterator[Tab]:
    r = d.request
    asks = next((x for x in d.dispatches if x.state == "returning"), None)
    if s.desk and asks is not None:
        yield Tab("decide", _("Decide on the return"), "back", "D", asks.pk)
    if s.supervisor and r.state == "appealed":
        yield Tab("appeal", _("Decide after the last round"), "flag", "D", r.pk)
    asked = asked_extension(d, actor)
    if s.supervisor and asked is not None:
        yield Tab("extension", _("Decide on more time"), "cal", "E", asked["id"])
    can_force = r.state in {"heard", "dispatched", "handling"} and limit is not None and r.bounces >= limit
    if s.appoints and can_force and not (d.lead and d.lead.forced):
        yield Tab("force", _("Name the lead"), "bolt", "F", r.pk)
    if s.supervisor and r.state in OPEN:
        yield Tab("supervise", _("Supervise"), "flag", "S", r.pk)
    if s.excludes and r.state in {*AFTER_REPLY, "declined"}:
        yield from _exclusion_tab(d, actor)


def _exclusion_tab(d: Detail, actor: Actor) -> Iterator[Tab]:
    now = next((x for x in d.exclusions if x["state"] in {"proposed", "confirmed"}), None)
    if now is None:
        yield Tab("exclude", _("Leave out of the rates"), "minus", "L", d.request.pk)
    elif now["state"] == "confirmed":
        yield Tab("lift", _("Let it count again"), "undo", "L", now["id"])
    elif now["proposed_by"] != actor.user_id:
        yield Tab("exclusion", _("Decide on the exclusion"), "minus", "L", now["id"])


def _shared(d: Detail, s: Standing) -> Iterator[Tab]:
    r = d.request
    if (s.officer or s.desk) and r.state in WITH_UNIT:
        yield Tab("help", _("Ask another unit"), "users", "H", r.pk)
    if (s.at_work and r.state in WITH_UNIT) or (s.desk and r.state in {"heard", *WITH_UNIT}):
        yield Tab("ask", _("Ask the resident"), "chat", "Q", r.pk)
    if s.hears and not s.handled and r.state in {"replied", "lapsed"} and (left := unjudged(d)):
        yield Tab("judge", _("Record the judgement"), "star", "J", left[0].pk)
    if s.desk and r.state in {"heard", *WITH_UNIT}:
        yield Tab("reclassify", _("Correct what it is"), "gear", "K", r.pk)
    if (s.desk and r.state in {"heard", *WITH_UNIT}) or (s.officer and r.state in WITH_UNIT):
        yield Tab("turn", _("Another kind"), "refresh", "G", r.pk)
    yield Tab("note", _("Internal note"), "doc", "M", r.pk)


# What the tabs and side panels read ---------------------------------------------------------------------------------------
OF: dict[str, Any] = {
    "dispatch": Dispatch,
    "clock": Clock,
    "extension": Extension,
    "handling": Handling,
    "voice": Voice,
    "exclusion": Exclusion,
}


def code_of(kind: str, pk: int) -> str:
    """The code of the request a thing belongs to; NotFound when there is none. The page itself checks who may see it."""
    found = (
        Request.objects.filter(pk=pk).values_list("code", flat=True)
        if kind == "request"
        else OF[kind].objects.filter(pk=pk).values_list("request__code", flat=True)
    ).first()
    if found is None:
        raise NotFound
    return str(found)


def code_called(voice_id: int) -> str:
    """The code of the request a voice is asked about: the one it was joined into, if any; NotFound otherwise."""
    found = Voice.objects.filter(pk=voice_id).values_list("request__merged_into__code", "request__code").first()
    if found is None:
        raise NotFound
    return found[0] or found[1]


@dataclass(frozen=True, slots=True)
class PlaceYear:
    """The same matter in the same community within a year, as far as the actor may see."""

    total: int
    answered: int
    unsolved: int
    again: int
    rows: list[Request]


def place_year(actor: Actor, request: Request, now: dt.datetime) -> PlaceYear:
    """What was said of the same community and the same leaf category in the last year. Two statements."""
    same = Request.objects.visible_to(actor).filter(
        area_path=request.area_path, category=request.category_id, heard_at__gte=now - YEAR, heard_at__lte=now
    )
    known = rates.sets(now)
    counts = same.aggregate(
        total=Count("pk"),
        answered=Count("pk", filter=Q(state__in=AFTER_REPLY)),
        unsolved=Count("pk", filter=known["judged"] & Q(solved="no")),
        again=Count("pk", filter=Q(lap__gt=1)),
    )
    return PlaceYear(**counts, rows=list(same.exclude(pk=request.pk).order_by("-id")[:5]))


SHOWN_RULES = ("return.limit", "return.window", "reply.needs_review", "extension.max", "extension.ask_before")


@lru_cache(maxsize=256)
def _rules_of_minute(path: str, minute: int) -> tuple[RuleVersion, ...]:
    day = timezone.localtime(dt.datetime.fromtimestamp(minute * 60, tz=dt.UTC)).date()
    return tuple(rulebook.candidates(SHOWN_RULES, path, day))


def shown_rules(request: Request, now: dt.datetime) -> dict[str, RuleVersion]:
    """The rules a page mentions beside its forms; at most a minute old. Steps read their own. A key without a row is
    left out."""
    rows = _rules_of_minute(request.area_path, int(now.timestamp() // 60))
    return rulebook.choose(rows, facts_of(request))


def file_for(actor: Actor, file_id: uuid.UUID) -> StoredFile:
    """A photo or paper of a request the actor may see; a part shows its parent's, a joined one its twins'.

    NotFound (L-404) for all others. Two statements.
    """
    row = StoredFile.objects.filter(pk=file_id).first()
    if row is None:
        raise NotFound
    seen, pk = False, row.subject_id
    if row.subject_type == SUBJECT:
        told = Request.objects.filter(pk=pk)
        shown = told.values("pk").union(Request.objects.filter(parent=pk).values("pk"), told.values("merged_into"))
        seen = Request.objects.visible_to(actor).filter(pk__in=shown).exists()
    elif row.subject_type == "loop.handling":
        seen = Handling.objects.visible_to(actor).filter(pk=pk).exists()
    if not seen:
        raise NotFound
    return row


def leaves() -> list[tuple[str, list[tuple[str, str]]]]:
    """Open leaf categories by the branch above them, for a choice: [("道路", [("040301", "人行道破损"), …]), …]. One
    statement."""
    grouped: dict[str, list[tuple[str, str]]] = {}
    rows = Category.objects.filter(level=3, closed_on=None).select_related("parent__parent").order_by("code")
    for c in rows:
        above = f"{c.parent.parent} › {c.parent}" if c.parent and c.parent.parent else str(c.parent)
        grouped.setdefault(above, []).append((c.code, str(c)))
    return list(grouped.items())


def communities(path: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Streets of a county with their communities, for a choice; a street itself comes first. One statement."""
    grouped: dict[str, list[tuple[str, str]]] = {}
    names: dict[str, str] = {}
    rows = Area.objects.filter(path__gte=path, path__lt=path + "~", level__in=(4, 5), valid_to=None)
    for area in rows.exclude(kind__in=("placeholder", "virtual")).order_by("path"):
        if area.level == 4:
            names[area.path] = area.short_name
        grouped.setdefault(area.path[:9], []).append((area.path, area.short_name))
    return [(names.get(p, p), rows_) for p, rows_ in grouped.items()]
