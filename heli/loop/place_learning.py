"""What requests teach about places: estates, roads and the like, out of requests that a person sent on from where they lie."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from django.db.models import Exists, OuterRef, Subquery
from django.db.models.functions import Left

from heli.core.scope import within
from heli.engines.text.landmarks import Told, learned
from heli.loop.clocks import local_day
from heli.loop.models import Confidentiality, Dispatch, Kind, Request, Voice
from heli.places.landmark_queries import COUNTY
from heli.places.landmark_steps import learn_landmarks
from heli.rulebook import queries as rulebook

RULES = ("text.place.days", "text.place.least", "text.place.share")
COMMUNITY = 12  # digits of a community's path; a request further up says of no name where it lies
BATCH = 2_000
MOST = 200_000  # requests of a county read for one learning, the newest first


def learn_places(at: dt.datetime) -> dict[str, int]:
    """Learn the names of places of each county that had requests. Returns {"new": n, "changed": n, "gone": n}.

    Harmless when run twice. Memory grows with the names of one county, not with its requests.
    """
    done = {"new": 0, "changed": 0, "gone": 0}
    for county in sorted(Request.objects.exclude(dispatched_at=None).annotate(c=Left("area_path", COUNTY))
                         .order_by().values_list("c", flat=True).distinct()):  # fmt: skip
        if len(county) < COUNTY:
            continue
        rules = rulebook.in_force(RULES, path=county, on=local_day(at))
        days, least, share = (rules[key].value for key in RULES)
        found = learned(told(county, at - dt.timedelta(days=days)), least=least, share=share)
        for what, n in learn_landmarks(county=county, found=found, at=at).items():
            done[what] += n
    return done


def told(county: str, since: dt.datetime) -> Iterator[Told]:
    """What was said of places that a person confirmed by sending it on, newest first.

    Nothing of who is protected, and no tips or complaints: they may be about somebody. Who said it is told apart by the
    blind index of a number or by the account; neither leaves this room. One statement for each BATCH requests.
    """
    by_person = Dispatch.objects.filter(request=OuterRef("pk"), role="lead", offered_by__isnull=False)
    voice = Voice.objects.filter(request=OuterRef("pk")).order_by("id")
    rows = (
        Request.objects.filter(
            within("area_path", (county,)), Exists(by_person), confidentiality=Confidentiality.OPEN, heard_at__gte=since
        )
        .exclude(kind__in=(Kind.TIP, Kind.COMPLAINT))
        .annotate(phone=Subquery(voice.values("record__phone_index")[:1]), user=Subquery(voice.values("user")[:1]))
        .order_by("-id")
        .values_list("id", "title", "spot", "text", "area_path", "phone", "user")
    )
    read, last = 0, None
    while read < MOST:
        batch = list((rows if last is None else rows.filter(pk__lt=last))[:BATCH])
        for last, title, spot, text, path, phone, user in batch:  # noqa: B007  (where the next batch begins)
            if len(path) >= COMMUNITY:
                who = bytes(phone).hex() if phone else f"user {user}" if user else ""
                # a title is mostly the beginning of the text
                words = text if text.startswith(title.rstrip("…")) else f"{title}。{text}"
                yield Told(f"{spot}。{words}", path[:COMMUNITY], who)
        read += len(batch)
        if len(batch) < BATCH:
            return
