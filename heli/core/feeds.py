"""Calendar feeds (iCalendar, RFC 5545): what a room knows of somebody's appointments, and the file a calendar asks for.

A room that has appointments says so once, at start (AppConfig.ready); the room of accounts, which keeps the secret link of
a person's feed (people.feed_steps), asks them all:

    feeds.register("places.booking", booking_events)     # (user_id, since) -> events

Phones ask a feed again and again, so an answer that has not changed is a 304 without a body.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from icalendar import Calendar, Event

ZONE = ZoneInfo(settings.TIME_ZONE)
BACK = dt.timedelta(days=30)  # how long what is over stays in a feed
MOST = 1000  # events of a feed


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One appointment. `key` names it for good ("booking-7"): a change of it arrives as a change. Nothing personal: a feed
    lies with whoever runs the person's calendar."""

    key: str
    begin: dt.datetime
    end: dt.datetime
    title: str
    changed: dt.datetime
    place: str = ""
    words: str = ""
    url: str = ""
    sure: bool = True  # False: waits for somebody's yes
    cancelled: bool = False


Events = Callable[[int, dt.datetime], Iterable[FeedEvent]]
_rooms: dict[str, Events] = {}


def register(name: str, events: Events) -> None:
    """`events` is given an account's id and a moment, and tells what ends after it, what was cancelled among it: calendars
    forget nothing by themselves. One or two statements."""
    _rooms[name] = events


def of_person(user_id: int, since: dt.datetime) -> list[FeedEvent]:
    """What all rooms know, in order of time."""
    found = [e for events in _rooms.values() for e in events(user_id, since)]
    return sorted(found, key=lambda e: (e.begin, e.key))[:MOST]


def written(name: str, events: Iterable[FeedEvent]) -> bytes:
    """The file. The same events make the same bytes: DTSTAMP is when the event last changed, not now."""
    host = settings.HELI_PUBLIC_URL.split("//")[-1].split(":")[0].strip("/") or "localhost"
    made = Calendar()
    for key, value in (
        ("prodid", "-//Heli//heli//ZH"), ("version", "2.0"), ("calscale", "GREGORIAN"), ("method", "PUBLISH"),
        ("x-wr-calname", name), ("x-wr-timezone", str(ZONE)), ("refresh-interval", dt.timedelta(hours=1)),
    ):  # fmt: skip
        made.add(key, value, parameters={"VALUE": "DURATION"} if key == "refresh-interval" else {})
    for e in events:
        one = Event()
        one.add("uid", f"{e.key}@{host}")
        one.add("dtstamp", e.changed.astimezone(dt.UTC).replace(microsecond=0))
        one.add("last-modified", e.changed.astimezone(dt.UTC).replace(microsecond=0))
        one.add("sequence", int(e.cancelled))
        one.add("dtstart", e.begin.astimezone(ZONE))
        one.add("dtend", e.end.astimezone(ZONE))
        one.add("summary", e.title)
        for key, value in (("location", e.place), ("description", e.words), ("url", e.url)):
            if value:
                one.add(key, value)
        one.add("status", "CANCELLED" if e.cancelled else "CONFIRMED" if e.sure else "TENTATIVE")
        made.add_component(one)
    made.add_missing_timezones()
    return bytes(made.to_ical())


def answer(request: HttpRequest, name: str, events: Iterable[FeedEvent], *, shared: bool) -> HttpResponse:
    """The file as an answer, or 304 where the asker has it. `shared`: everybody's, so that caches may keep it."""
    body = written(name, events)
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    response: Any = HttpResponse(body, content_type="text/calendar; charset=utf-8")
    response = get_conditional_response(request, etag=etag, response=response) or response
    response["ETag"] = etag
    response["Cache-Control"] = "public, max-age=300" if shared else "private, no-cache"
    response["X-Robots-Tag"] = "noindex"
    return response  # type: ignore[no-any-return]
