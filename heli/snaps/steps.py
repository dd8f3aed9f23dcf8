"""Every write of a snap: it is taken (by the loop's own `hear`), thanked by rule or by a person, covered further."""

from __future__ import annotations

import datetime as dt
import io
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import IO

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from PIL import Image

from heli.core import files
from heli.core.actor import SYSTEM, Actor
from heli.core.caps import Cap
from heli.core.errors import NotFound, WrongState
from heli.core.models import StoredFile
from heli.core.steps import Step, step
from heli.engines import blur
from heli.loop.clocks import local_day
from heli.loop.models import Exclusion, Kind, Request, Voice, said_of
from heli.loop.steps.hear import SUBJECT, Heard, by_staff, hear
from heli.people.models import User
from heli.places import queries as places
from heli.places.models import Area
from heli.places.outlines import plausible
from heli.rulebook import queries as rulebook
from heli.rulebook.queries import RuleVersion
from heli.snaps import farm, where
from heli.snaps.errors import AboutSomebody, DayFull, NoFile, NoThanksOwn, NothingShown, PlaceElsewhere, PlaceUnclear
from heli.snaps.hazards import OTHER, all_hazards, speaks_of_a_person
from heli.snaps.models import Snap, Thanks, Why
from heli.snaps.states import THANKS

RULES = ("snap.thanks", "snap.daily_cap", "snap.same", "snap.burst", "snap.photo_days")
WORDS_LIMIT = 200
VERIFIED = ("closed", "lapsed")  # a unit handled and answered it, and the time to judge is over or used
UNPROVED = ("declined", "withdrawn")


@dataclass(frozen=True, slots=True)
class Taken:
    """What taking a snap gives back; `photo_left_out` when it could not be looked at for faces and was not kept."""

    heard: Heard
    photo_left_out: bool


def take(
    *,
    by: Actor,
    at: dt.datetime,
    hazard: str,
    words: str = "",
    area_path: str = "",
    spot: str = "",
    lat: Decimal | None = None,
    lon: Decimal | None = None,
    accuracy: int | None = None,
    photo: IO[bytes] | None = None,
    form_key: uuid.UUID | None = None,
    about_place: bool = False,
) -> Taken:
    """Take a snap in: a request of kind `snap`. The place is the one chosen, or found by the words or the point.

    `about_place`: whoever sends it was asked and says that it is about the place, not about a person.

    Raises:
        NothingShown (L-264): no such button, or no words for "something else". AboutSomebody (L-263).
        PlaceUnclear (L-261), PlaceElsewhere (L-262), and what loop.steps.hear raises: AlreadyDone (L-104) among them.
        files.*: too large, no photo, too many pixels (L-511 … 513). One that cannot be looked at for faces is left out.
    """
    chosen = all_hazards().get(hazard)
    words = words.strip()[:WORDS_LIMIT]
    if chosen is None or (chosen.key == OTHER and not words):
        raise NothingShown(field="hazard")
    if not about_place and (speaks_of_a_person(words) or speaks_of_a_person(spot)):
        raise AboutSomebody(field="words")
    picture, left_out = looked_at(photo)
    title = "" if chosen.key == OTHER else chosen.name
    text = words if not title else f"{title}：{words}" if words else title
    area = area_path or place_of(spot, lat, lon, accuracy)
    if lat is not None and lon is not None and not plausible(area, float(lat), float(lon), ()):
        lat = lon = None  # who chose another place than the phone told knows better
    with transaction.atomic():
        heard = hear(
            by=by,
            at=at,
            kind=Kind.SNAP,
            text=text,
            title=title,
            area_path=area,
            category=chosen.category,
            urgency=chosen.urgency,
            spot=spot,
            lat=lat,
            lon=lon,
            accuracy=accuracy if lat is not None else None,
            pictures=[picture] if picture else (),
            form_key=form_key,
        )
        Snap.objects.create(
            request=heard.request,
            hazard=chosen.key,
            cell=where.cell_of(lat, lon) if lat is not None and lon is not None else None,
            likeness=likeness(picture),
            photo_left_out=left_out,
        )
    return Taken(heard, left_out)


def looked_at(photo: IO[bytes] | None) -> tuple[files.Cleaned | None, bool]:
    """The photo without faces and plates; nothing, and True, when that cannot be seen to: it is never kept as it came."""
    if photo is None:
        return None, False
    try:
        return files.clean(photo, files.STREET), False
    except files.NotLookedAt:
        return None, True


def likeness(picture: files.Cleaned | None) -> int | None:
    """Of a cleaned photo, as the database keeps it: 64 bits with a sign."""
    if picture is None:
        return None
    with Image.open(io.BytesIO(picture[0]), formats=("JPEG",)) as image:
        bits = blur.likeness(image)
    return None if bits is None else bits - (1 << 64) if bits >= 1 << 63 else bits


def place_of(spot: str, lat: Decimal | None, lon: Decimal | None, accuracy: int | None) -> str:
    """The area of what was typed, or else of the point; PlaceUnclear (L-261), PlaceElsewhere (L-262)."""
    home = str(settings.HELI_HOME_AREA)
    if spot.strip():
        read = places.resolve(spot, within=home)
        if read.area is not None and read.area.level >= 4:
            return read.area.path
    if lat is None or lon is None:
        raise PlaceUnclear(field="area")
    found = where.nearest(lat, lon, home, accuracy).area
    if found is None:
        here = Area.objects.filter(path=home).values_list("name", flat=True).first()
        raise PlaceElsewhere(here=here or home, field="area")
    return found.path


# Thanks -----------------------------------------------------------------------------------------------------------------
def thank(*, request_id: int, at: dt.datetime) -> Snap:
    """What becomes of the thanks, once the request is finished: given, over the cap of its day, held, or none.

    Raises WrongState (L-101) when it was decided already, or the request is not finished yet.
    """
    with step("snap.thank", by=SYSTEM, at=at) as s:
        snap = s.lock(Snap, request_id, related=("request__merged_into",))
        if snap.state != "waiting":
            raise WrongState
        request = snap.request
        root = request.merged_into or request
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(public=False)
        voice = Voice.objects.filter(request=request).order_by("id").first()
        if (why := nothing_due(root, voice)) is not None:
            snap.why = why
            s.move(snap, THANKS, "leave", save=("why",))
            return snap
        assert voice is not None and voice.user_id is not None
        rules = rules_for(request)
        s.rule(*rules.values())
        User.objects.select_for_update(of=("self",)).get(pk=voice.user_id)  # one after another: the cap holds
        doubt = farm.doubt(snap, voice, rules)
        if doubt is not None:
            snap.why, snap.beside = doubt
            s.move(snap, THANKS, "hold", save=("why", "beside"))
        elif not room(voice, rules):
            s.move(snap, THANKS, "cap")
        else:
            enter(s, root, voice, rules)
            s.move(snap, THANKS, "thank")
    return snap


def nothing_due(root: Request, voice: Voice | None) -> str | None:
    """Why there is nobody or nothing to thank; None when thanks are due. WrongState while that is open."""
    if root.state in UNPROVED or (root.state in VERIFIED and (root.excluded or root.solved == "no")):
        return Why.UNPROVED
    if root.state not in VERIFIED or root.replied_at is None:
        raise WrongState
    if Exclusion.objects.filter(request=root, state="proposed").exists():
        raise WrongState
    if voice is None or voice.user_id is None:
        return Why.NOBODY
    first = Voice.objects.filter(said_of(root.pk)).order_by("said_at", "id").values_list("pk", flat=True).first()
    if first != voice.pk or Thanks.objects.filter(root=root).exists():
        return Why.SECOND
    return None


def rules_for(request: Request) -> dict[str, RuleVersion]:
    """The rules in force where and when it was heard. One statement."""
    facts = {"category": request.category.code} if request.category else {}
    return rulebook.in_force(RULES, path=request.area_path, on=local_day(request.heard_at), facts=facts)


def room(voice: Voice, rules: dict[str, RuleVersion]) -> bool:
    """Whether the cap of the day leaves room for the points of one more snap. Call while holding the person's row."""
    given = Thanks.objects.filter(voice__user=voice.user_id, day=local_day(voice.said_at)).aggregate(n=Sum("points"))
    return int(given["n"] or 0) + int(rules["snap.thanks"].value) <= int(rules["snap.daily_cap"].value)


def enter(s: Step, root: Request, voice: Voice, rules: dict[str, RuleVersion]) -> None:
    """One row of the ledger: points given. WrongState when somebody was thanked for this matter and it still stands."""
    last = Thanks.objects.filter(root=root).order_by("-entry").first()
    if last and last.points > 0:
        raise WrongState
    rule = rules["snap.thanks"]
    row = Thanks(root=root, voice=voice, points=int(rule.value), day=local_day(voice.said_at), rule_id=rule.id)
    insert(s, row, last.entry + 1 if last else 0)


def take_back(s: Step, voice: Voice) -> None:
    """One row more: what this voice was given goes back, where it was given (its snap may have been parted since)."""
    given = Thanks.objects.filter(voice=voice, points__gt=0).latest("id")
    row = Thanks(root_id=given.root_id, voice=voice, points=-given.points, day=given.day, rule_id=given.rule_id)
    insert(s, row, given.entry + 1)


def insert(s: Step, row: Thanks, entry: int) -> None:
    row.entry, row.at, row.by_id = entry, s.at, s.by.user_id
    row.save(force_insert=True)
    s.record(points=row.points)


def decide(*, request_id: int, give: bool, reason: str, by: Actor, at: dt.datetime) -> Snap:
    """A person decides about thanks that were held, or has second thoughts; the reason is read by whoever sent it.

    Raises: DayFull (L-265) when the cap of that day is reached, NoThanksOwn (L-267) for one's own snap, WrongState.
    """
    with step("snap.decide", by=by, at=at) as s:
        snap = s.lock(Snap, request_id, related=("request__merged_into",))
        request = snap.request
        root = request.merged_into or request
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(public=False)
        voice = Voice.objects.filter(request=request).order_by("id").first()
        if voice is None or voice.user_id is None:
            raise WrongState
        if voice.user_id == by.user_id:
            raise NoThanksOwn
        User.objects.select_for_update(of=("self",)).get(pk=voice.user_id)
        rules = rules_for(request)
        s.rule(rules["snap.thanks"], rules["snap.daily_cap"])
        reason = by_staff(reason)
        before = snap.state
        snap.reason, snap.decided_by_id, snap.decided_at = reason, by.user_id, at
        s.move(snap, THANKS, "give" if give else "refuse", save=("reason", "decided_by", "decided_at"), reason=reason)
        if give:
            if not room(voice, rules):
                raise DayFull(cap=rules["snap.daily_cap"].value)
            enter(s, root, voice, rules)
        elif before == "given":
            take_back(s, voice)
    return snap


# Photos -----------------------------------------------------------------------------------------------------------------
Place = tuple[float, float, float, float]


def cover(*, file_id: uuid.UUID, places: Sequence[Place], by: Actor, at: dt.datetime) -> StoredFile:
    """Whoever sees a face or a plate in a snap's photo covers it: its content is written anew, the old one is gone.

    Anybody on the staff who may see the request. Raises NoFile (L-266) without a place, NotFound, files.Missing.
    """
    if not places:
        raise NoFile(field="cells")
    row = StoredFile.objects.filter(pk=file_id, subject_type=SUBJECT).first()
    if row is None or not by.is_staff:
        raise NotFound
    with step("snap.cover", by=by, at=at) as s:
        request = s.lock(Request, row.subject_id)
        if request.kind != Kind.SNAP:
            raise NotFound
        s.about(SUBJECT, request.pk, request.area_path)
        if not by.can(Cap.VIEW_REQUESTS, path=request.area_path):
            s.record(public=False)
        covered = files.cover(row, places)
        s.record(places=len(places), photo=str(row.pk))
    return covered


def forget_likeness(*, at: dt.datetime, batch: int = 2000) -> int:
    """Fingerprints of photos older than the longest rule says are forgotten. Returns how many; harmless when run twice."""
    days = rulebook.in_force(("snap.photo_days",), path=str(settings.HELI_HOME_AREA), on=local_day(at))
    before = at - dt.timedelta(days=int(days["snap.photo_days"].value))
    old = Snap.objects.filter(likeness__isnull=False, request__heard_at__lt=before)
    gone = 0
    while ids := list(old.values_list("pk", flat=True)[:batch]):
        gone += Snap.objects.filter(pk__in=ids).update(likeness=None)
    return gone
