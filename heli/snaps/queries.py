"""Reads of snaps: the page's communities, what became of one's own, thanks that wait for a person."""

from __future__ import annotations

import datetime as dt
import hmac
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import QuerySet, Sum
from django.urls import reverse
from django.utils.translation import gettext as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.cards import NextAct
from heli.core.errors import NotFound
from heli.core.models import StoredFile
from heli.core.paging import Page, keyset
from heli.core.scope import within
from heli.engines.identifiers import without_personal
from heli.loop import links
from heli.loop.models import Kind, Request, Voice
from heli.loop.queries import parts
from heli.loop.steps.hear import SUBJECT, checked_text
from heli.places.models import Area
from heli.snaps.hazards import Hazard, all_hazards
from heli.snaps.models import Snap, Thanks, Why

READERS = (Cap.SUPERVISE, Cap.VIEW_REQUESTS)
TABS = ("held", "refused", "given")


def communities() -> list[tuple[str, list[tuple[str, str]]]]:
    """Every street of the home area with its communities, to choose from without a connection. One statement."""
    home = str(settings.HELI_HOME_AREA)
    found = Area.objects.offered().inside(home).filter(level__in=(4, 5)).order_by("path")
    streets: dict[str, tuple[str, list[tuple[str, str]]]] = {}
    for path, level, name, short_name in found.values_list("path", "level", "name", "short_name"):
        if level == 4:
            streets[path] = (name, [])
        elif path[:9] in streets:
            streets[path[:9]][1].append((path, short_name or name))
    return [s for s in streets.values() if s[1]]


def sent_before(form_key: uuid.UUID | None, hazard: str, words: str) -> Voice | None:
    """The voice of a snap that came with this key before, if it said the same. One statement."""
    if form_key is None:
        return None
    voice = (
        Voice.objects.select_related("request")
        .filter(request__form_key=form_key, request__kind=Kind.SNAP)
        .order_by("id")
        .first()
    )
    same = all_hazards().get(hazard)
    if voice is None or same is None:
        return None
    said = words.strip()
    text = f"{same.name}：{said}" if same.category and said else said or same.name
    return voice if voice.request.text == without_personal(checked_text(text)) else None


def left_out(voice: Voice) -> bool:
    """Whether the photo of this snap was not kept. One statement."""
    return Snap.objects.filter(pk=voice.request_id, photo_left_out=True).exists()


# What became of them --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Own:
    """One snap as its sender sees it; `token` is "" when the link has ended."""

    request: Request
    token: str
    chip: str
    words: Any
    thanks: str


def of_links(tokens: Sequence[str], now: dt.datetime) -> dict[str, Own]:
    """What became of snaps whose links a phone kept, by link; wrong and ended ones are left out. Two statements."""
    asked = {t: pk for t in tokens[:50] if (pk := links_voice(t)) is not None}
    voices = {
        v.pk: v
        for v in Voice.objects.filter(pk__in=asked.values(), link_until__gt=now).select_related(
            "request__merged_into", "request__unit"
        )
    }
    good = {
        t: voices[pk] for t, pk in asked.items() if pk in voices and hmac.compare_digest(links.token_of(voices[pk]), t)
    }
    snaps = Snap.objects.in_bulk([v.request_id for v in good.values()])
    return {t: own(v, snaps.get(v.request_id), now) for t, v in good.items()}


def links_voice(token: str) -> int | None:
    """The id of the voice that a link speaks of; nothing is proved by it."""
    import base64

    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return None
    return int.from_bytes(raw[:6], "big") if len(raw) == 22 else None


def own(voice: Voice, snap: Snap | None, now: dt.datetime) -> Own:
    request = voice.request.merged_into or voice.request
    return Own(
        voice.request,
        links.token_of(voice) if voice.link_until > now else "",
        parts.STATE_CHIPS[request.state],
        parts.STATE_WORDS[request.state],
        thanks_words(snap) if voice.user_id is not None else "",
    )


def thanks_words(snap: Snap | None) -> str:
    """What became of the thanks, for whoever sent it."""
    if snap is None or snap.state == "waiting":
        return ""
    why = str(Why(snap.why).label) if snap.why else ""
    if snap.state == "given":
        return _("Thank you: points were given")
    if snap.state == "capped":
        return _("Thank you. The points of that day were full")
    if snap.state == "held":
        return _("Points wait for a person to look: %(why)s") % {"why": why}
    if snap.state == "refused":
        return _("No points: %(reason)s") % {"reason": snap.reason}
    return _("No points: %(reason)s") % {"reason": why}


def mine(actor: Actor, now: dt.datetime, *, after: str | None = None, size: int = 20) -> Page[Own]:
    """Snaps sent by this account, newest first. Two statements; none without an account."""
    if actor.user_id is None:
        return Page([])
    voices = Voice.objects.filter(user=actor.user_id, request__kind=Kind.SNAP).select_related(
        "request__merged_into", "request__unit"
    )
    page = keyset(voices, order=("-id",), after=after, size=size)
    snaps = Snap.objects.in_bulk([v.request_id for v in page.rows])
    return page.map(lambda v: own(v, snaps.get(v.request_id), now))


def points(actor: Actor) -> int:
    """The points of one's own; nobody else's can be asked. One statement."""
    if actor.user_id is None:
        return 0
    return int(Thanks.objects.filter(voice__user=actor.user_id).aggregate(n=Sum("points"))["n"] or 0)


# For staff ---------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Held:
    """A snap whose thanks a person decides, without who sent it; `beside`: the requests that gave the reason."""

    snap: Snap
    hazard: Hazard | None
    why: str
    beside: tuple[Request, ...]
    photos: tuple[uuid.UUID, ...]
    may: bool


def thanks(actor: Actor, tab: str) -> QuerySet[Snap]:
    """Snaps of the actor's areas by what became of their thanks."""
    found: QuerySet[Snap] = Snap.objects.filter(
        within("request__area_path", [p for c in READERS for p in actor.paths(c)]),
        state=tab if tab in TABS else TABS[0],
    )
    return found.select_related("request__area", "request__unit", "decided_by")


def thanks_page(actor: Actor, tab: str, *, after: str | None = None, size: int = 20) -> Page[Held]:
    """One page of them, newest first, each with what it is compared with as far as the actor may see that. Two statements."""
    page = keyset(thanks(actor, tab), order=("-request_id",), after=after, size=size)
    ids = {pk for s in page.rows for pk in s.beside}
    others = (
        {r.pk: r for r in Request.objects.visible_to(actor).filter(pk__in=ids).select_related("area")} if ids else {}
    )

    def row(s: Snap) -> Held:
        return Held(
            s,
            all_hazards().get(s.hazard),
            str(Why(s.why).label) if s.why else "",
            tuple(others[pk] for pk in s.beside if pk in others),
            tuple(s.request.photos),
            actor.can(Cap.SUPERVISE, path=s.request.area_path),
        )

    return page.map(row)


def next_acts(actor: Actor, now: dt.datetime) -> list[NextAct]:  # noqa: ARG001  (every room is asked with the time)
    """Thanks that wait for this person, for the staff's first page. One statement for a supervisor, none for others."""
    paths = actor.paths(Cap.SUPERVISE)
    if not paths:
        return []
    n = Snap.objects.filter(within("request__area_path", paths), state="held").count()
    if not n:
        return []
    return [NextAct(_("Thanks for snaps"), _("something looks repeated: give them or not"), n, reverse("snaps:thanks"))]


def photo_to_cover(actor: Actor, file_id: uuid.UUID) -> tuple[StoredFile, Request]:
    """A photo of a snap that a colleague may cover; NotFound (L-404) for others'. Two statements."""
    row = StoredFile.objects.filter(pk=file_id, subject_type=SUBJECT).first() if actor.is_staff else None
    request = None
    if row is not None:
        request = Request.objects.visible_to(actor).filter(pk=row.subject_id, kind=Kind.SNAP).first()
    if row is None or request is None:
        raise NotFound
    return row, request
