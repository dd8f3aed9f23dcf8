"""Reading notices: what concerns a group here, the desk's list, and the counts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Q, Sum

from heli.core.actor import PUBLIC, Actor
from heli.core.errors import NotFound
from heli.core.paging import Page, keyset
from heli.notices.models import GROUP_WORDS, Group, Notice, NoticeDay, NoticeQuerySet, State, Unclear
from heli.places.models import Area

PAGE = 20


def current(group: str, day: dt.date, *, area: str = "") -> NoticeQuerySet:
    """What holds here and concerns a group; everything that holds where none is chosen."""
    found: NoticeQuerySet = Notice.objects.holding(day).for_area(area or settings.HELI_HOME_AREA)
    if group:
        found = found.filter(Q(groups__contains=[group]) | Q(groups__contains=[Group.EVERYBODY]))
    return found.select_related("publisher")


def listed(group: str, day: dt.date, *, after: str | None = None) -> Page[Notice]:
    """Newest first. One statement."""
    return keyset(current(group, day), order=("-published_at", "-id"), after=after, size=PAGE)


def newest(day: dt.date, most: int = 2) -> list[Notice]:
    """The newest for the first page. One statement."""
    return list(current("", day).order_by("-published_at", "-id")[:most])


def shown(notice_id: int) -> Notice:
    """One that is or was published; NotFound (L-404) for drafts and what does not exist. One statement."""
    found: Notice | None = (
        Notice.objects.visible_to(PUBLIC).select_related("publisher", "replaced_by").filter(pk=notice_id).first()
    )
    if found is None:
        raise NotFound
    return found


def newest_version(notice: Notice) -> Notice | None:
    """The last version after this one that is or was published: an old link leads there, over however many versions
    lie between. One statement for each that was replaced itself."""
    found: Notice | None = None
    while (following := getattr(found or notice, "replaced_by", None)) is not None and following.state != State.DRAFT:
        found = following
    return found


def own(actor: Actor, notice_id: int) -> Notice:
    """One of the actor's areas, drafts too; NotFound (L-404) otherwise. One statement."""
    found: Notice | None = (
        Notice.objects.managed_by(actor)
        .select_related("publisher", "replaces", "replaced_by")
        .filter(pk=notice_id)
        .first()
    )
    if found is None:
        raise NotFound
    return found


@dataclass(frozen=True, slots=True)
class Counts:
    """How often a notice was read, and found clear or not."""

    read: int = 0
    clear: int = 0
    unclear: int = 0


@dataclass(frozen=True, slots=True)
class DeskRow:
    """One line of the desk."""

    notice: Notice
    counts: Counts


def counts(notice_ids: Iterable[int]) -> dict[int, Counts]:
    """Of several notices, all days and groups together. One statement."""
    rows = NoticeDay.objects.filter(notice__in=list(notice_ids)).values("notice")
    return {
        r["notice"]: Counts(r["r"], r["c"], r["u"])
        for r in rows.annotate(r=Sum("read"), c=Sum("clear"), u=Sum("unclear"))
    }


def managed(actor: Actor, *, state: str = "", text: str = "") -> NoticeQuerySet:
    """The desk's notices, filtered."""
    found: NoticeQuerySet = Notice.objects.managed_by(actor).select_related("publisher")
    if state in State.values:
        found = found.filter(state=state)
    if text:
        found = found.filter(Q(title__contains=text) | Q(meaning__contains=text))
    return found


def desk(actor: Actor, *, state: str = "", text: str = "", after: str | None = None) -> Page[DeskRow]:
    """One page of the desk, last changed first. Two statements."""
    found = keyset(managed(actor, state=state, text=text), order=("-changed_at", "-id"), after=after, size=50)
    seen = counts(n.pk for n in found.rows)
    return found.map(lambda n: DeskRow(n, seen.get(n.pk, Counts())))


def by_group(notice_id: int) -> list[tuple[Any, Counts]]:
    """Counts of one notice by what readers said to be, most readings first. One statement."""
    rows = NoticeDay.objects.filter(notice=notice_id).values("group")
    rows = rows.annotate(r=Sum("read"), c=Sum("clear"), u=Sum("unclear")).order_by("-r", "group")
    return [(GROUP_WORDS[r["group"]], Counts(r["r"], r["c"], r["u"])) for r in rows]


def by_day(notice_id: int, last: dt.date, days: int) -> list[tuple[dt.date, int]]:
    """Readings on each of the last days, also on those without any; nothing when there were none. One statement."""
    first = last - dt.timedelta(days=days - 1)
    rows = NoticeDay.objects.filter(notice=notice_id, day__range=(first, last)).values("day")
    seen = {r["day"]: r["r"] for r in rows.annotate(r=Sum("read"))}
    every = (first + dt.timedelta(days=n) for n in range(days))
    return [(day, seen.get(day, 0)) for day in every] if seen else []


def unclear(notice_id: int) -> list[Unclear]:
    """What people did not understand, newest first. One statement."""
    return list(Unclear.objects.filter(notice=notice_id).order_by("-id")[:50])


def area_name(path: str) -> str:
    """One statement."""
    found = Area.objects.filter(path=path).first()
    return found.name if found else path
