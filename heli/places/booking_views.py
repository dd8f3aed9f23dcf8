"""What a site lends, for everybody: its week, a booking, one's own bookings, and the feed of its busy times."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from heli.core import feeds, subjects, words
from heli.core.actor import Actor
from heli.core.caps import Scope
from heli.core.errors import AlreadyDone, HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.core.tries import Limit
from heli.places import booking_queries as queries
from heli.places import booking_steps as bookings
from heli.places import resource_steps
from heli.places.booking_feeds import site_events
from heli.places.booking_forms import BookForm, CallForm, ReasonForm
from heli.places.booking_queries import DayOfSite, Line
from heli.places.booking_words import STATES, amount_words, period_words, size_words, times, whom
from heli.places.resources import Resource
from heli.places.site_queries import ORG
from heli.places.site_queries import site as site_of
from heli.places.site_words import hours as hours_words


# A week -----------------------------------------------------------------------------------------------------------------
def _monday(asked: str, today: dt.date) -> dt.date:
    """The Monday of the week that is asked for; this week's where it cannot be read, or is too far off to be asked for."""
    try:
        day = dt.date.fromisoformat(asked[:10])
    except ValueError:
        day = today
    if abs((day - today).days) > 400:
        day = today
    return day - dt.timedelta(days=day.weekday())


def _thing_line(resource: Resource, chosen: Resource | None) -> dict[str, Any]:
    return {"r": resource, "size": size_words(resource), "whom": whom(resource.open_to), "now": resource == chosen}


def _day_line(row: DayOfSite, chosen: Resource | None, now: dt.datetime) -> dict[str, Any]:
    """A day with its words. What is free leads to the form, with that time filled in."""
    free: dict[str, str] = {}
    for span in row.free if chosen else []:
        asked = f"?on={timezone.localdate(span.begin)}&begin={timezone.localtime(span.begin):%H:%M}"
        free.setdefault(times(span.begin, span.end), reverse("sites:book", args=[chosen.pk]) + asked if chosen else "")
    return {
        "day": row.day,
        "past": row.day < timezone.localdate(now),
        "today": row.day == timezone.localdate(now),
        "hours": hours_words(row.hours),
        "open": bool(row.hours),
        "busy": [
            {"times": times(b.begin, b.end), "name": b.resource, "shown": b.shown, "some": b.some} for b in row.busy
        ],
        "free": list(free.items())[:8],
    }


@page("<int:site_id>/calendar/", name="calendar", scope=Scope.PUBLIC)
def calendar(request: HeliRequest, site_id: int) -> HttpResponse:
    """A week of a site: when what is taken, and of one thing when it is free. At most six statements."""
    now = timezone.now()
    today = timezone.localdate(now)
    first = _monday(request.GET.get("week", ""), today)
    site = site_of(site_id)
    things = queries.bookable(site.pk, today)
    asked = request.GET.get("what", "")
    chosen = next((r for r in things if str(r.pk) == asked), None) or (things[0] if len(things) == 1 else None)
    if asked and chosen is None:
        raise NotFound
    rows = queries.week(site, first, things, now, chosen)
    week = dt.timedelta(days=7)
    context = {
        "site": site,
        "things": [_thing_line(r, chosen) for r in things],
        "chosen": chosen,
        "days": [_day_line(row, chosen, now) for row in rows],
        "first": first,
        "last": first + dt.timedelta(days=6),
        "before": first - week if first > today - dt.timedelta(days=60) else None,
        "after": first + week,
        "this": first <= today < first + week,
    }
    return render(request, "places/sites/calendar.html", context)


@page("<int:site_id>/calendar.ics", name="feed", scope=Scope.PUBLIC, limit=Limit(600))
def feed(request: HeliRequest, site_id: int) -> HttpResponse:
    """Busy times of a site for calendars: never who or what for, unless its keeper published that. Three statements."""
    site, now = site_of(site_id), timezone.now()
    url = request.build_absolute_uri(reverse("sites:calendar", args=[site.pk]))
    events = site_events(site, now - feeds.BACK, url)
    return feeds.answer(request, site.name, events, shared=True)


# Booking ----------------------------------------------------------------------------------------------------------------
def _orgs(actor: Actor) -> list[tuple[int, str]]:
    """Organisations the actor acts for, by name. One statement, none where there are none."""
    ids = {g.org_id for g in actor.grants if g.org_id is not None}
    names = subjects.describe([(ORG, pk) for pk in ids], actor) if ids else {}
    return sorted((pk, s.title) for (_type, pk), s in names.items())


def _book_page(request: HeliRequest, resource: Resource, form: BookForm, status: int = 200) -> HttpResponse:
    now = timezone.now()
    terms = queries.terms(resource, now)
    context = {
        "resource": resource,
        "site": resource.site,
        "form": form,
        "size": size_words(resource),
        "whom": whom(resource.open_to),
        "lead": words.limit(terms.lead, "hour") if terms.lead else "",
        "longest": words.limit(terms.longest, "hour"),
        "rule": terms.rules["site.book_lead"],
        "keeps": bookings.runs(request.actor, resource.site),
    }
    return render(request, "places/sites/book.html", context, status=status)


@page("book/<int:resource_id>/", name="book", scope=Scope.SELF, methods=("GET", "POST"), limit=Limit(60))
def book(request: HeliRequest, resource_id: int) -> HttpResponse:
    """Ask for something of a site."""
    resource = queries.resource(request.actor, resource_id)
    orgs = _orgs(request.actor)
    if request.method == "GET":
        given = {k: request.GET.get(k, "")[:10] for k in ("on", "begin", "until")}
        if given["begin"] and not given["until"]:
            given["until"] = _an_hour_later(given["begin"])
        first = {k: v for k, v in given.items() if v} | {"form_key": uuid.uuid4(), "amount": 1}
        return _book_page(request, resource, BookForm(initial=first, resource=resource, orgs=orgs))
    form = BookForm(request.POST, resource=resource, orgs=orgs)
    if not form.is_valid():
        return _book_page(request, resource, form, 400)
    try:
        made = bookings.book(resource_id=resource.pk, by=request.actor, at=timezone.now(), **form.told())
    except AlreadyDone:
        return redirect("sites:mine")
    except HeliError as error:
        form.put(error)
        return _book_page(request, resource, form, error.status)
    said = {"what": resource.title, "when": period_words(made.period.lower, made.period.upper, timezone.now())}
    if made.state == "booked":
        messages.success(request, _("%(what)s is yours: %(when)s.") % said)
    else:
        messages.success(
            request, _("Asked for %(what)s, %(when)s. It is kept for you until its keeper answers.") % said
        )
    return redirect("sites:mine")


def _an_hour_later(begin: str) -> str:
    try:
        at = dt.time.fromisoformat(begin)
    except ValueError:
        return ""
    return f"{min(at.hour + 1, 23):02d}:{at.minute:02d}"


# My bookings ------------------------------------------------------------------------------------------------------------
def booking_line(line: Line, now: dt.datetime) -> dict[str, Any]:
    """A booking with its words, for its maker and for the keeper."""
    b = line.b
    state, said = STATES[b.state]
    if b.state == "asked" and b.period.upper <= now:
        state, said = "late", pgettext_lazy("booking", "nobody answered")
    return {
        "b": b, "org": line.org, "state": state, "said": said, "site": b.resource.site,
        "when": period_words(b.period.lower, b.period.upper, now), "amount": amount_words(b.resource, b.amount, b.unit),
        "can_cancel": b.state in {"asked", "booked"} and b.period.upper > now and b.source_id is None,
        "held": b.source_id is not None, "begun": b.period.lower <= now,
    }  # fmt: skip


@page("bookings/", name="mine", scope=Scope.SELF)
def mine(request: HeliRequest) -> HttpResponse:
    """What I booked, what is asked of me as somebody who knows, and the way to my calendar."""
    now, past = timezone.now(), request.GET.get("past") == "1"
    found = queries.mine(request.actor, now, past=past, after=request.GET.get("after"))
    context = {
        "page": found.map(lambda line: booking_line(line, now)),
        "past": past,
        "asked": queries.as_expert(request.actor) if not past else [],
        "for_me": [booking_line(line, now) for line in queries.asked_of(request.actor, now)] if not past else [],
    }
    return render(request, "places/sites/mine.html", context)


@page("bookings/<int:booking_id>/cancel/", name="cancel", scope=Scope.SELF, methods=("GET", "POST"))
def cancel(request: HeliRequest, booking_id: int) -> HttpResponse:
    """Give a booking up, with the reason."""
    now = timezone.now()
    booking = queries.booking(request.actor, booking_id)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            bookings.cancel(booking_id=booking.pk, reason=form.cleaned_data["reason"], by=request.actor, at=now)
        except HeliError as error:
            form.put(error)
        else:
            messages.success(request, _("Cancelled. Others can have that time now."))
            return redirect("sites:mine")
    context = {"form": form, "line": booking_line(queries.lines([booking], request.actor)[0], now)}
    return render(request, "places/sites/cancel.html", context, status=400 if form.errors else 200)


@page("experts/<int:resource_id>/", name="expert", scope=Scope.SELF, methods=("GET", "POST"))
def expert(request: HeliRequest, resource_id: int) -> HttpResponse:
    """Agree to help at a site under a name of one's own choice, or no more."""
    found = next((r for r in queries.as_expert(request.actor) if r.pk == resource_id), None)
    if found is None:
        raise NotFound
    by: dict[str, Any] = {"resource_id": resource_id, "by": request.actor, "at": timezone.now()}
    if request.method == "POST" and request.POST.get("go") == "no":
        resource_steps.take_back(**by)
        messages.success(request, _("You are asked no more there, and your name is gone from its pages."))
        return redirect("sites:mine")
    form = CallForm(request.POST if request.method == "POST" else None, initial={"call_name": found.call_name})
    if request.method == "POST" and form.is_valid():
        try:
            resource_steps.agree(call_name=form.cleaned_data["call_name"], **by)
        except HeliError as error:
            form.put(error)
        else:
            messages.success(request, _("You can be booked there now. You can take that back at any time."))
            return redirect("sites:mine")
    context = {"r": found, "site": found.site, "form": form}
    return render(request, "places/sites/expert.html", context, status=400 if form.errors else 200)
