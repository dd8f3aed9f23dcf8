"""What several people told of in their own words: the requests of a county grouped into events, hottest first.

Whole days are taken one after the other and kept as a state (HotState), so that a day costs about its own requests; the day
that is running is grouped on top of it anew each time. Within a day the order of requests does not matter. Tips, wishes and
requests whose reporter is protected are left out, and so is what was withdrawn or declined.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Left

from heli.core.scope import within
from heli.insight.candidates import COUNTY, TURN, Limits, counted
from heli.insight.models import Hot, HotRequest, HotState
from heli.loop.alike import WINDOW
from heli.loop.clocks import local_day
from heli.loop.models import Confidentiality, Kind, Request
from heli.places.models import Area
from heli.rulebook import queries as rulebook

RULES = (WINDOW, "text.hot.people", "text.hot.half")
LEFT_OUT = (Kind.TIP, Kind.WISH)
OFTEN = 3_000  # requests in the window up to which a county is grouped every hour; a larger one every night
LOOKED_AT = 50_000  # the newest requests of a county's window that are grouped
WHO = """
SELECT coalesce(r.merged_into_id, r.id), r.heard_at,
       coalesce('u' || v.user_id, 'p' || encode(d.phone_index, 'hex'), 'i' || encode(d.id_index, 'hex'), '')
  FROM loop_request r JOIN loop_voice v ON v.request_id = r.id LEFT JOIN core_vaultrecord d ON d.id = v.record_id
 WHERE r.id = ANY(%s) OR r.merged_into_id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Said:
    """A request as it is grouped."""

    id: int
    title: str
    text: str
    at: dt.datetime
    area_path: str
    category_id: int | None
    code: str


def window_of(county: str, since: dt.datetime, until: dt.datetime) -> QuerySet[Request]:
    """The requests of a county's window; those joined into another speak through it."""
    rows: QuerySet[Request] = (
        Request.objects.filter(within("area_path", (county,)), heard_at__gt=since, heard_at__lte=until)
        .exclude(Q(kind__in=LEFT_OUT) | Q(state__in=("withdrawn", "declined", "merged")) | Q(parent__isnull=False))
        .filter(confidentiality=Confidentiality.OPEN)
    )
    return rows


def requests_of(county: str, since: dt.datetime, until: dt.datetime) -> list[Said]:
    """The newest of them, the oldest first. One statement."""
    columns = ("pk", "title", "text", "heard_at", "area_path", "category_id", "category__code")
    rows: Any = window_of(county, since, until).order_by("-id").values_list(*columns)[:LOOKED_AT]
    return [
        Said(pk, title, text, at, path, about, code or "") for pk, title, text, at, path, about, code in reversed(rows)
    ]


def grouped(county: str, said: Sequence[Said], today: dt.date) -> list[list[int]]:
    """Ids that tell of one event, for all of these; the state of whole days is kept. Two statements."""
    from heli.engines.text.same import Events, Message

    messages = {
        r.id: Message(
            r.id, "" if r.text.startswith(r.title.rstrip("…")) else r.title, r.text, r.at, r.area_path, r.code
        )
        for r in said
    }
    days: dict[dt.date, list[Message]] = defaultdict(list)
    for r in said:
        days[local_day(r.at)].append(messages[r.id])
    kept = HotState.objects.filter(county=county).first()
    known = kept.day if kept is not None and kept.day < today else None
    if kept is not None and known is not None:
        events = Events.resume(kept.state, [m for r in said if local_day(r.at) <= known and (m := messages[r.id])])
    else:
        events = Events()
    # what came in late for a day that is over (an import) is taken with the next one
    there = {i for group in events.groups() for i in group}
    late = [m for day, ms in days.items() if known is not None and day <= known for m in ms if m.id not in there]
    whole = sorted(day for day in days if day < today and (known is None or day > known))
    for day in whole:
        events.add_day([*late, *days[day]])
        late = []
    if whole:
        HotState.objects.update_or_create(
            county=county,
            defaults={"day": whole[-1], "state": events.state(), "counted_at": max(r.at for r in said)},
        )
    if rest := [*late, *days.get(today, [])]:
        events.add_day(rest)
    return [[int(str(i)) for i in group] for group in events.groups()]


def voices_of(ids: Sequence[int]) -> dict[int, list[tuple[dt.datetime, str]]]:
    """{request: [(when, who)]}, with those joined into it; who '' left neither name nor number. One statement."""
    found: dict[int, list[tuple[dt.datetime, str]]] = defaultdict(list)
    with connection.cursor() as cur:
        cur.execute(WHO, [list(ids), list(ids)])
        for pk, at, who in cur.fetchall():
            found[pk].append((at, who))
    return found


def common_path(paths: Iterable[str]) -> str:
    """The smallest area that holds all of these: community, street or county."""
    every = set(paths)
    return next((min(cut) for n in (12, 9, COUNTY) if len(cut := {p[:n] for p in every}) == 1), min(every)[:COUNTY])


def refresh(now: dt.datetime, *, every: bool = True) -> int:
    """Group the counties' requests anew; only small counties without `every`. Returns how many events there are. The same
    however often it is run for a moment."""
    counties = Request.objects.order_by().values_list(Left("area_path", COUNTY)).distinct()
    return sum(_county(c, now, every=every) for c in sorted(p for (p,) in counties if len(p) == COUNTY))


def _county(county: str, now: dt.datetime, *, every: bool) -> int:
    from heli.engines.text.heat import heat, unusual

    today = local_day(now)
    rules = rulebook.in_force(RULES, path=county, on=today)
    days, least, half = (int(rules[k].value) for k in RULES)
    since = now - dt.timedelta(days=days)
    if not every and window_of(county, since, now)[: OFTEN + 1].count() > OFTEN:
        return Hot.objects.filter(within("area_path", (county,))).count()
    said = requests_of(county, since, now)
    by_id = {r.id: r for r in said}
    with transaction.atomic():
        with connection.cursor() as cur:
            cur.execute("SELECT pg_advisory_xact_lock(%s)", [TURN])
        groups = [g for g in grouped(county, said, today) if len(g) > 1]
        voices = voices_of([i for g in groups for i in g])
        limits = Limits.of(county, today)
        past = counted(county, limits, now)
        kept = {h.pk: h for h in Hot.objects.filter(within("area_path", (county,)))}
        was = dict(HotRequest.objects.filter(hot__in=kept).values_list("request_id", "hot_id"))
        found: list[tuple[Hot, list[int]]] = []
        for group in groups:
            rows = [by_id[i] for i in group]
            spoke = [v for i in group for v in voices.get(i, [(by_id[i].at, "")])]
            people = len({w for _at, w in spoke if w}) + sum(1 for _at, w in spoke if not w)
            if people < least:
                continue
            path = common_path(r.area_path for r in rows)
            matter = Counter(r.category_id for r in rows if r.category_id is not None).most_common(1)
            about = matter[0][0] if matter else None
            seen = past.get((path, about)) if about is not None else None
            usual = [seen.people.get(w, 0) for w in range(1, limits.windows + 1)] if seen is not None else []
            old = Counter(was[i] for i in group if i in was).most_common(1)
            hot = kept.pop(old[0][0], None) if old else None
            hot = hot or Hot()
            values: dict[str, Any] = {
                "area_path": path, "category_id": about, "title": rows[0].title, "people": people,
                "requests": len(rows), "first_at": rows[0].at, "last_at": max(r.at for r in rows),
                "heat": round(heat(spoke, now, half_life_days=half), 3),
                "unusual": unusual(seen.people.get(0, 0), usual) if seen is not None else None, "counted_at": now,
            }  # fmt: skip
            for name, value in values.items():
                setattr(hot, name, value)
            found.append((hot, group))
        areas = dict(Area.objects.filter(path__in={h.area_path for h, _g in found}).values_list("path", "pk"))
        found = [(h, g) for h, g in found if h.area_path in areas]
        HotRequest.objects.filter(hot__area_path__startswith=county).delete()
        Hot.objects.filter(pk__in=list(kept)).delete()
        for hot, _group in found:
            hot.area_id = areas[hot.area_path]
            hot.save()
        HotRequest.objects.bulk_create([HotRequest(request_id=i, hot=h) for h, g in found for i in g], batch_size=2000)
    return len(found)
