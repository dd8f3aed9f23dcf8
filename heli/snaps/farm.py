"""What makes thanks look farmed: the same place again, very many at once, the same photo, one's own unit.

Each is a reason for a person to look, never a refusal. Only snaps whose sender had an account are compared by person.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from django.db.models import QuerySet

from heli.engines.blur import apart
from heli.loop.models import Request, Voice
from heli.orgs.models import Grant
from heli.places import outlines
from heli.rulebook.queries import RuleVersion
from heli.snaps.models import Snap, Why

SAME_PICTURE = 5  # bits of 64: likenesses that differ by no more are of one picture
SHOWN = 5
Doubt = tuple[str, list[int]]  # a value of Why, and the requests that gave it


def doubt(snap: Snap, voice: Voice, rules: Mapping[str, RuleVersion]) -> Doubt | None:
    """The first reason to hold the thanks, if there is one. At most five statements."""
    return (
        own_unit(snap, voice) or same_photo(snap, voice, rules) or same_spot(snap, voice, rules) or burst(voice, rules)
    )


def of_person(voice: Voice, since: dt.datetime, until: dt.datetime) -> QuerySet[Snap]:
    """Other snaps that the same account sent between two moments."""
    mine = Voice.objects.filter(user=voice.user_id, said_at__range=(since, until)).exclude(pk=voice.pk)
    found: QuerySet[Snap] = Snap.objects.filter(request__in=mine.values("request")).select_related("request")
    return found.order_by("-pk")


def own_unit(snap: Snap, voice: Voice) -> Doubt | None:
    """Who told it works for the unit that handled it."""
    root = snap.request.merged_into or snap.request
    if root.unit_id is None:
        return None
    works = Grant.objects.filter(user=voice.user_id, org=root.unit_id).exists()
    return (Why.OWN, []) if works else None


def same_photo(snap: Snap, voice: Voice, rules: Mapping[str, RuleVersion]) -> Doubt | None:
    """The same picture came before: from anybody when it is alike to the bit, from the same person when nearly so."""
    if snap.likeness is None:
        return None
    since = voice.said_at - dt.timedelta(days=int(rules["snap.photo_days"].value))
    alike = list(
        Snap.objects.filter(likeness=snap.likeness, pk__lt=snap.pk, request__heard_at__gte=since)
        .order_by("-pk")
        .values_list("pk", flat=True)[:SHOWN]
    )
    if not alike:
        own = of_person(voice, since, voice.said_at).filter(likeness__isnull=False)[:200]
        full = (1 << 64) - 1
        alike = [
            s.pk
            for s in own
            if s.likeness is not None and apart(s.likeness & full, snap.likeness & full) <= SAME_PICTURE
        ][:SHOWN]
    return (Why.PHOTO, alike) if alike else None


def same_spot(snap: Snap, voice: Voice, rules: Mapping[str, RuleVersion]) -> Doubt | None:
    """The same button at the same place within some days. Without points, the same words of where count."""
    near = rules["snap.same"].value
    since = voice.said_at - dt.timedelta(days=int(near["days"]))
    here = snap.request
    same = [
        s.pk
        for s in of_person(voice, since, voice.said_at).filter(hazard=snap.hazard)[:200]
        if _close(s.request, here, int(near["metres"]))
    ]
    return (Why.SPOT, same[:SHOWN]) if same else None


def _close(one: Request, other: Request, most: int) -> bool:
    if one.lat is not None and one.lon is not None and other.lat is not None and other.lon is not None:
        return outlines.apart(float(one.lat), float(one.lon), float(other.lat), float(other.lon)) * 1000 <= most
    return one.area_path == other.area_path and one.spot == other.spot


def burst(voice: Voice, rules: Mapping[str, RuleVersion]) -> Doubt | None:
    """Very many within minutes, before and after this one."""
    most = rules["snap.burst"].value
    around = dt.timedelta(minutes=int(most["minutes"]))
    ids = list(of_person(voice, voice.said_at - around, voice.said_at + around).values_list("pk", flat=True)[:200])
    return (Why.BURST, ids[:SHOWN]) if len(ids) + 1 > int(most["snaps"]) else None
