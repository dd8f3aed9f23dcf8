"""What residents choose from, what was understood of their words, and what anybody may know of a request."""

from __future__ import annotations

import datetime as dt
import hmac
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db.models import Count, Q
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from heli.core import vault
from heli.core.actor import SYSTEM, Actor
from heli.core.caps import Cap
from heli.core.errors import NotFound
from heli.core.models import Access, StoredFile
from heli.core.paging import Page, keyset
from heli.core.scope import covers, within
from heli.core.subjects import Subject
from heli.engines.identifiers import without_personal
from heli.loop import alike, links, propose
from heli.loop.models import Category, Confidentiality, Handling, Kind, Remark, Request, Urgency, Voice, answer_to
from heli.loop.queries import parts
from heli.loop.steps.hear import checked_text
from heli.places import landmark_queries as landmarks
from heli.places import queries as areas
from heli.places.models import Area

Words = str | Promise
# What happens in streets, on stairs and in pipes concerns neighbours alike. Of anything else (families, wages, health,
# schools…) nobody learns here that a neighbour said it.
SHARED_MATTERS = ("0103", "0105", "02", "0301", "0302", "04", "05", "06", "0701", "0702", "0705", "1604")
OWN_MATTERS = (Kind.COMPLAINT, Kind.TIP, Kind.WISH)
COMMUNITY = 12  # digits of a community's path
READ = {
    "name": pgettext_lazy("was read", "name"),
    "phone": pgettext_lazy("was read", "phone number"),
    "id_number": pgettext_lazy("was read", "identity number"),
    "address": pgettext_lazy("was read", "address"),
    "note": pgettext_lazy("was read", "the words as they were typed"),
}


# 1 What ---------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Matter:
    """What a text seems to be about, or what the person chose, and the list they are choosing from (if they are)."""

    category: Category | None = None
    best: propose.ProposedCategory | None = None  # the proposal, where nobody chose
    others: tuple[Category, ...] = ()
    picked: bool = False
    above: tuple[Category, ...] = ()  # where in the tree the list stands
    choices: tuple[Category, ...] = ()

    @property
    def emergency(self) -> bool:
        return self.category is not None and self.category.urgency == Urgency.EMERGENCY


def matter(text: str, *, area: str = "", code: str = "", picked: bool = False, under: str | None = None) -> Matter:
    """What is offered for a text: the proposal, or the person's own choice, which typing on does not change.

    `area`: where it is, as far as it is known: its county's reader reads. `under`: a code of the tree whose children are
    listed ("" for the top), None for no list. At most six statements.
    """
    chosen = Category.objects.filter(code=code, closed_on=None).first() if picked and code else None
    about = [] if picked else propose.categories_of(text, area_path=area)
    found = [p.category for p in about]
    above: tuple[Category, ...] = ()
    choices: tuple[Category, ...] = ()
    if under is not None:
        inside = (
            Q(parent__code=under) | Q(code__in=[under[:n] for n in (2, 4) if n <= len(under)]) if under else Q(level=1)
        )
        tree = list(Category.objects.filter(inside, closed_on=None).order_by("code"))
        above = tuple(c for c in tree if under.startswith(c.code))
        choices = tuple(c for c in tree if not under.startswith(c.code))
    return Matter(
        category=chosen if picked else found[0] if found else None,
        best=about[0] if about else None,
        others=tuple(found[1:]),
        picked=picked,
        above=above,
        choices=choices,
    )


# 2 Where --------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Place:
    """An area as a choice: "毓璜顶街道 · 大海阳社区", in "芝罘区"."""

    path: str
    title: str
    inside: str
    why: Words = ""  # why it is offered, where a name was learned


def place_of(area: Area) -> Place:
    """An area in words; costs nothing when its parents are there."""
    names: list[str] = []
    above: Area | None = area
    while above is not None and above.level > 3:
        names.insert(0, above.short_name if above.level == 5 and above.short_name else above.name)
        above = above.parent
    if not names:
        return Place(area.path, area.name, "")
    return Place(area.path, str(_(" · ")).join(names), above.name if above is not None else "")


def places(paths: Iterable[str]) -> list[Place]:
    """Areas that can be chosen, in the order given. One statement."""
    wanted = list(dict.fromkeys(p for p in paths if p))
    if not wanted:
        return []
    rows = Area.objects.offered().filter(path__in=wanted).select_related("parent__parent")
    found = {a.path: place_of(a) for a in rows}
    return [found[p] for p in wanted if p in found]


@dataclass(frozen=True, slots=True)
class Understood:
    """Areas that what was typed may mean; `sure` when it names one community and nothing else. `why`: what is to be said
    of those that a learned name led to."""

    paths: tuple[str, ...] = ()
    sure: bool = False
    why: Mapping[str, Words] = field(default_factory=dict)


def understood(spot: str, text: str, roots: Sequence[str]) -> Understood:
    """The place named by an address or, without one, by the words themselves; asks (several) rather than guesses.

    `roots` are the areas it is looked for in; a place that is named but lies elsewhere is offered, not taken. Where no
    community is named, estates, roads and schools count that requests taught: an answer where a person confirmed one,
    otherwise a question.
    """
    named = _areas_named(spot, text, roots)
    if named.sure:
        return named
    if learned := landmarks.meant(spot, text, roots):
        why = {path: m.why(path) for m in reversed(learned) for path in m.paths}
        first = learned[0]
        found = sorted(
            why, key=lambda p: (not covers(named.paths, p), p not in first.paths)
        )  # of the street that is named
        paths = tuple(dict.fromkeys([*found, *named.paths]))[:4]
        others = {p for m in learned if m.certain for p in m.paths} | set(named.paths)
        fits = all(first.paths[0].startswith(p) for p in others) and covers(roots, first.paths[0])
        return Understood(paths, sure=first.certain and fits and len(first.paths[0]) >= COMMUNITY, why=why)
    if not named.paths and 2 <= len(spot.strip()) <= 12:  # a few letters or a bare name: 大海阳, dhysq
        hits = areas.search(spot, within=tuple(roots), levels=(4, 5), limit=4)
        return Understood(tuple(h.area.path for h in hits))
    return named


def _areas_named(spot: str, text: str, roots: Sequence[str]) -> Understood:
    """What the table of areas makes of it."""
    scope = tuple(roots)
    for said in (spot, text):
        if not said.strip():
            continue
        read = areas.resolve(said, within=scope or None)
        elsewhere = read.why == "outside"
        if elsewhere:
            read = areas.resolve(said)
        if read.area is not None and read.area.level > 3:
            return Understood((read.area.path,), sure=read.area.level == 5 and not elsewhere)
        if found := tuple(c.path for c in read.candidates if c.level > 3)[:4]:
            return Understood(found)
    return Understood()


@dataclass(frozen=True, slots=True)
class Below:
    """Areas one level below another one, to choose from by hand."""

    above: Area | None
    areas: tuple[Area, ...]


def below(path: str) -> Below:
    """What lies directly inside an area (levels that are mere placeholders are skipped). At most three statements."""
    above = Area.objects.offered().select_related("parent").filter(path=path).first()
    if above is None:
        return Below(None, ())
    for level in range(above.level + 1, 6):
        rows = tuple(Area.objects.offered().filter(within("path", (path,)), level=level).order_by("path")[:400])
        if rows:
            return Below(above, rows)
    return Below(above, ())


@dataclass(frozen=True, slots=True)
class Same:
    """An open request of the same community that may be the same matter, told so that nobody is recognised."""

    key: str  # its code, sealed: what the form sends back
    matter: str
    street: str
    heard_at: dt.datetime
    state: str
    words: Words
    neighbours: int = 1  # how many said it so far
    picked: bool = False  # the resident said it is the same


def perhaps_same(text: str, area_path: str, code: str, now: dt.datetime, *, twin: str = "") -> list[Same]:
    """At most three neighbours' requests like this one: only matters of shared places, only kind, street, day and state.
    `twin` is the key the resident picked before.

    Nothing for complaints and tips, for requests whose reporter is protected, or without a community. Five statements.
    """
    if len(area_path) < COMMUNITY or not text.strip() or (code and not code.startswith(SHARED_MATTERS)):
        return []
    like: Any = alike.twins(SYSTEM, text=text, area_path=area_path, code=code, now=now, limit=12)
    found = [
        t.request
        for t in like
        if t.request.area_path == area_path
        and (t.request.category_code or "").startswith(SHARED_MATTERS)
        and t.request.confidentiality == Confidentiality.OPEN
        and t.request.kind not in OWN_MATTERS
        and t.request.state in parts.STATE_WORDS
    ][:3]
    if not found:
        return []
    names = Category.objects.in_bulk({r.category_id for r in found if r.category_id})
    said = dict(
        Voice.objects.annotate(of=Coalesce("request__merged_into", "request"))
        .filter(Q(request__in=found) | Q(request__merged_into__in=found))
        .order_by()
        .values_list("of")
        .annotate(n=Count("pk"))
    )
    street = Area.objects.filter(path=area_path[:9]).first()
    picked = code_of_same(twin)
    return [
        Same(
            key=vault.seal_bytes("twin", r.code.encode()),
            matter=str(names[r.category_id]) if r.category_id in names else "",
            street=street.name if street else "",
            heard_at=r.heard_at,
            state=parts.STATE_CHIPS[r.state],
            words=parts.STATE_WORDS[r.state],
            neighbours=said.get(r.pk, 1),
            picked=r.code == picked,
        )
        for r in found
    ]


def code_of_same(key: str) -> str:
    """The code inside a sealed key, or "" when it was not made here."""
    try:
        return vault.open_bytes("twin", key).decode() if key else ""
    except vault.CannotOpen:
        return ""


# 3 Sent ---------------------------------------------------------------------------------------------------------------
def sent_before(form_key: uuid.UUID | None, text: str) -> Voice | None:
    """The first voice of what was sent with this form and these words: a form sent twice leads to the same page.

    None when the words differ: the form was opened again by the browser and used for something else. One statement.
    """
    if form_key is None:
        return None
    voice = Voice.objects.select_related("request").filter(request__form_key=form_key).order_by("id").first()
    if voice is None or voice.request.text != without_personal(checked_text(text)):
        return None
    return voice


# Finding what one said --------------------------------------------------------------------------------------------------
def by_code_and_phone(code: str, phone: str) -> Voice | None:
    """The voice that left this number with the request of this code, or with one joined into it. One statement.

    Voices of a request that does not exist and of one without this number look the same.
    """
    index = vault.blind("phone", phone)
    joined = Request.objects.filter(merged_into__code=code).values("pk")
    voices = Voice.objects.select_related("request", "record").filter(
        request__in=Request.objects.filter(code=code).values("pk").union(joined)  # both by an index
    )
    same = [
        v
        for v in voices
        if v.record and v.record.phone_index and hmac.compare_digest(bytes(v.record.phone_index), index)
    ]
    own = [v for v in same if v.request.code == code]
    return next(iter([*own, *same]), None)


def by_code_alone(code: str) -> Request | None:
    """A request whose state anybody may see who has its code. One statement.

    Not one whose reporter is protected: a unit that suspects somebody learns nothing by trying a code it has seen.
    """
    rows = Request.objects.filter(code=code, confidentiality=Confidentiality.OPEN)
    return rows.select_related("unit", "merged_into__unit").first()


@dataclass(frozen=True, slots=True)
class Own:
    """A row of somebody's own requests."""

    request: Request
    voice: Voice
    token: str  # "" when the link has ended and has to be opened again
    state: str
    words: Words
    yours: bool  # it waits for this person's judgement


def mine(actor: Actor, now: dt.datetime, *, after: str | None = None, size: int = 20) -> Page[Own]:
    """What the holder of an account said, newest first. One statement."""
    voices = Voice.objects.filter(user=actor.user_id).select_related("request__merged_into", "request__unit")
    page = keyset(voices, order=("-id",), after=after, size=size)

    def row(voice: Voice) -> Own:
        request = voice.request.merged_into or voice.request
        token = links.token_of(voice) if voice.link_until > now else ""
        yours = request.state == "replied"
        return Own(
            voice.request, voice, token, parts.STATE_CHIPS[request.state], parts.STATE_WORDS[request.state], yours
        )

    return page.map(row)


def own_voice(actor: Actor, voice_id: int) -> Voice:
    """One of the account's voices; NotFound (L-404) for anybody else's. One statement."""
    voice = Voice.objects.filter(pk=voice_id, user=actor.user_id).first() if actor.user_id is not None else None
    if voice is None:
        raise NotFound
    return voice


def describe_requests(ids: list[int], actor: Actor) -> dict[int, Subject]:
    """One's own requests in words, with the way to their page (see core.subjects). One statement."""
    if actor.user_id is None:
        return {}
    now = timezone.now()
    voices = Voice.objects.filter(request__in=ids, user=actor.user_id).select_related("request")
    return {
        v.request_id: Subject(
            v.request.title,
            reverse("loop:track", args=[links.token_of(v)]) if v.link_until > now else reverse("loop:mine"),
        )
        for v in voices
    }


# Files ------------------------------------------------------------------------------------------------------------------
def file_for_voice(voice: Voice, file_id: uuid.UUID) -> StoredFile:
    """A photo the holder of a link may open: of what they said or added themselves, or of a reply that was sent.

    A neighbour's photos, papers and drafts are not: NotFound (L-404), like a file that does not exist. At most three
    statements.
    """
    request_id = voice.request.merged_into_id or voice.request_id
    allowed = (
        file_id in voice.request.photos
        or Remark.objects.filter(voice=voice, photos__contains=[file_id]).exists()
        or Handling.objects.filter(answer_to(request_id), state="sent", photos__contains=[file_id]).exists()
    )
    found = StoredFile.objects.filter(pk=file_id).first() if allowed else None
    if found is None:
        raise NotFound
    return found


# Who read one's data ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Reading:
    """Somebody read the personal data of a voice. The officer is not named, the organisation is."""

    at: dt.datetime
    org_name: str
    fields: str
    purpose: str


def readings(voice: Voice, *, after: str | None = None, size: int = 50) -> Page[Reading]:
    """Readings of what this voice left, newest first. One statement."""
    rows = Access.objects.filter(record=voice.record_id) if voice.record_id else Access.objects.none()

    def row(a: Access) -> Reading:
        fields = str(_(", ")).join(str(READ.get(f, f)) for f in a.fields)
        return Reading(a.at, a.org_name or _("a unit that is not named"), fields, a.purpose)

    return keyset(rows, order=("-at", "-id"), after=after, size=size).map(row)


# Counter ------------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Earlier:
    """What a number has said before within the clerk's areas; codes only of requests the clerk may open."""

    count: int
    shown: tuple[Request, ...]


def earlier_by_phone(actor: Actor, phone: str, *, limit: int = 5) -> Earlier:
    """Earlier requests of a number in the areas where the actor takes requests down. Two statements."""
    here = within("area_path", actor.paths(Cap.HEAR))
    rows = Request.objects.filter(here, voices__record__phone_index=vault.blind("phone", phone)).distinct()
    ids = list(rows.order_by("-id").values_list("pk", flat=True)[:200])
    if not ids:
        return Earlier(0, ())
    shown = (
        Request.objects.visible_to(actor).filter(pk__in=ids).select_related("unit", "category").order_by("-id")[:limit]
    )
    return Earlier(len(ids), tuple(shown))


def home_area() -> str:
    """Path of the area whose public pages these are."""
    return str(settings.HELI_HOME_AREA)
