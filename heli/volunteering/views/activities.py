"""For everybody: what there is to do, one activity, its calendar and the picture that is passed on."""

from __future__ import annotations

import datetime as dt
import hashlib

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from icalendar import Calendar, Event

from heli.core import files
from heli.core.caps import Scope
from heli.core.errors import NotFound
from heli.core.models import StoredFile
from heli.core.pages import HeliRequest, page
from heli.loop.views.public import private
from heli.volunteering.models import Activity, Field, Shift
from heli.volunteering.queries import activities as found
from heli.volunteering.queries import fitting
from heli.volunteering.share import picture

KEPT = 900  # seconds a picture or a calendar is kept by who asked for it
PUBLIC = "web/public.html"


@page("", name="find", scope=Scope.PUBLIC)
def find(request: HeliRequest) -> HttpResponse:
    """What is to be done: the next first, with the places left; for a volunteer what fits them, and why."""
    now, f = timezone.now(), found.Filters.read(request.GET)
    after = request.GET.get("after")
    context = {
        "f": f,
        "now": now,
        "page": found.listed(f, now, after=after),
        "asks_me": request.actor.user_id is not None and not f.kept() and not after,
        "fields": Field.choices,
        "streets": found.streets(),
        "days": list(found.DAYS.items()),
        "parts": [(k, said) for k, (said, _since, _until) in found.PARTS.items()],
        "narrowed": bool(f.kept()),
        "page_base": PUBLIC,
    }
    return render(request, "volunteering/activities/find.html", context)


@page("fits/", name="fits", scope=Scope.SELF)
def fits(request: HeliRequest) -> HttpResponse:
    """What may I do, near me, when I can: only what is open to this volunteer on its day, with reasons; and when they ask,
    why the rest is not shown. HTMX asks for the first few alone."""
    now, street = timezone.now(), request.GET.get("area", "")
    streets, field = found.streets(), request.GET.get("field", "")
    context = {
        "now": now,
        "f": fitting.fits(
            request.actor, now,
            street=street if street in dict(streets) else "", when=request.GET.get("when") == "1",
            field=field if field in Field.values else "",
        ),
        "street": street,
        "field": field,
        "when": request.GET.get("when") == "1",
        "streets": streets,
        "fields": Field.choices,
        "why": request.GET.get("why") == "1",
    }  # fmt: skip
    name = "_fits" if request.htmx else "fits"
    return private(render(request, f"volunteering/activities/{name}.html", context))


def enrol_url(slot_id: int) -> str:
    """The page on which one enrols; '' while there is none."""
    try:
        return reverse("volunteering:enrol", args=[slot_id])
    except NoReverseMatch:
        return ""


@page("a/<int:activity_id>/", name="activity", scope=Scope.PUBLIC)
def activity(request: HeliRequest, activity_id: int) -> HttpResponse:
    """One activity: what, when with places left, where, what can happen, who answers for it; its report once it is over."""
    now = timezone.now()
    shown = found.shown(activity_id, now)
    times = [(t, [(p, enrol_url(p.slot_id) if t.open else "") for p in t.places]) for t in shown.times]
    context = {
        "s": shown,
        "a": shown.a,
        "times": times,
        "now": now,
        "here_url": f"{settings.HELI_PUBLIC_URL}{reverse('volunteering:activity', args=[activity_id])}",
        "picture_url": f"{settings.HELI_PUBLIC_URL}{reverse('volunteering:activity_share', args=[activity_id])}",
        "photos": range(len(shown.a.photos)),
        "page_base": PUBLIC,
    }
    return render(request, "volunteering/activities/activity.html", context)


def tagged(request: HeliRequest, content: bytes, kind: str) -> HttpResponse:
    """Content with its mark, or 304 for who has it already."""
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    response = HttpResponse(content, content_type=kind)
    response["ETag"] = etag
    response["Cache-Control"] = f"public, max-age={KEPT}"
    return get_conditional_response(request, etag=etag, response=response) or response


def entry(a: Activity, shift: Shift, url: str) -> Event:
    """A shift in a calendar; a cancelled one says so, and calendars strike it out."""
    event = Event()
    event.add("uid", f"shift-{shift.pk}@{settings.HELI_PUBLIC_URL.split('//')[-1]}")
    event.add("dtstamp", shift.ended_at or shift.made_at)
    event.add("dtstart", shift.starts.astimezone(dt.UTC))
    event.add("dtend", shift.ends.astimezone(dt.UTC))
    event.add("summary", a.title)
    event.add("location", a.place)
    event.add("url", url)
    event.add("description", "\n".join(x for x in (shift.note, shift.reason, a.brings) if x))
    if a.lat is not None and a.lon is not None:
        event.add("geo", (a.lat, a.lon))
    event.add("status", "CANCELLED" if shift.state == "cancelled" else "CONFIRMED")
    return event


@page("a/<int:activity_id>/calendar.ics", name="activity_feed", scope=Scope.PUBLIC)
def activity_feed(request: HeliRequest, activity_id: int) -> HttpResponse:
    """Its shifts for one's own calendar (RFC 5545)."""
    a, shifts = found.feed(activity_id)
    book = Calendar()
    book.add("prodid", "-//Heli//volunteering//ZH")
    book.add("version", "2.0")
    book.add("x-wr-calname", a.title)
    url = f"{settings.HELI_PUBLIC_URL}{reverse('volunteering:activity', args=[activity_id])}"
    for shift in shifts:
        book.add_component(entry(a, shift, url))
    return tagged(request, book.to_ical(), "text/calendar; charset=utf-8")


@page("a/<int:activity_id>/share.png", name="activity_share", scope=Scope.PUBLIC)
def activity_share(request: HeliRequest, activity_id: int) -> HttpResponse:
    """The picture that stands beside its link when somebody passes it on. Made once for what it says."""
    a = found.public(activity_id)
    first = found.to_come(timezone.now()).filter(activity=a).order_by("starts").first()
    when = f"{timezone.localtime(first.starts):%Y-%m-%d %H:%M}–{timezone.localtime(first.ends):%H:%M}" if first else ""
    lines = tuple(x for x in (when, a.place, a.org.name) if x)
    url = f"{settings.HELI_PUBLIC_URL}{reverse('volunteering:activity', args=[activity_id])}"
    foot = _("Volunteering in %(place)s") % {"place": a.area.name}
    content = picture(title=a.title, lines=lines, foot=foot, url=url)
    return tagged(request, content, "image/png")


@page("a/<int:activity_id>/photo/<int:photo_no>/", name="activity_photo", scope=Scope.PUBLIC)
def activity_photo(request: HeliRequest, activity_id: int, photo_no: int) -> HttpResponse:
    """A photo of what came of it."""
    a = found.public(activity_id)
    pk = a.photos[photo_no] if photo_no < len(a.photos) else None
    row = StoredFile.objects.filter(pk=pk).first() if pk is not None else None
    if row is None:
        raise NotFound
    response: HttpResponse = files.serve(row, request)
    return response
