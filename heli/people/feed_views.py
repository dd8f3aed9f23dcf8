"""The page of one's own calendar, its link, and the feed for whoever holds the link (feed_steps.py)."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core import feeds
from heli.core.caps import Scope
from heli.core.pages import HeliRequest, page
from heli.core.tries import Limit
from heli.people.feed_steps import close_feed, open_feed, owner_of, token_of
from heli.people.models import CalendarFeed


@page("calendar/", name="calendar", scope=Scope.SELF)
def calendar(request: HeliRequest) -> HttpResponse:
    """What is ahead of me, and the link for my phone's calendar."""
    now = timezone.now()
    feed = CalendarFeed.objects.filter(pk=request.actor.user_id, is_open=True).first()
    link = f"{settings.HELI_PUBLIC_URL}{reverse('people:feed', args=[token_of(feed)])}" if feed else ""
    ahead = [e for e in feeds.of_person(request.actor.user_id or 0, now) if not e.cancelled]
    context = {"link": link, "webcal": "webcal:" + link.partition(":")[2] if link else "", "ahead": ahead[:50]}
    response = render(request, "people/calendar.html", context)
    response["Cache-Control"] = "no-store"  # the link is a key
    return response


@page("calendar/link/", name="calendar_link", scope=Scope.SELF, methods=("POST",), limit=Limit(20))
def calendar_link(request: HeliRequest) -> HttpResponse:
    """Make a link, a new one, or none any more."""
    now = timezone.now()
    if request.POST.get("go") == "close":
        close_feed(by=request.actor, at=now)
        messages.success(request, _("The link is closed. Calendars that used it get nothing new."))
    else:
        open_feed(by=request.actor, at=now)
        messages.success(request, _("Here is your link. A link from before opens nothing any more."))
    return redirect("people:calendar")


@page("calendar/<slug:token>/feed.ics", name="feed", scope=Scope.LINK, limit=Limit(600))
def feed(request: HeliRequest, token: str) -> HttpResponse:
    """The feed itself, for whoever holds the link."""
    user_id = owner_of(token)
    return feeds.answer(
        request, _("Heli: my appointments"), feeds.of_person(user_id, timezone.now() - feeds.BACK), shared=False
    )
