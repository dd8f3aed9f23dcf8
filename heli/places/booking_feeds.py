"""Bookings as appointments for calendars (core.feeds): a site's busy times, and one's own bookings."""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext as _

from heli.core import feeds
from heli.core.feeds import FeedEvent
from heli.places.resources import Booking
from heli.places.sites import Site


def site_events(site: Site, since: dt.datetime, url: str) -> list[FeedEvent]:
    """When what of a site is taken: never by whom or what for, unless its keeper published that. One statement."""
    rows = (
        Booking.objects.filter(resource__site=site, period__endswith__gt=since)
        .exclude(resource__kind="expert", resource__agreed_at=None)
        .exclude(state="refused")
        .select_related("resource")
        .order_by("period", "id")[: feeds.MOST]
    )
    return [
        FeedEvent(
            key=f"busy-{b.pk}",
            begin=b.period.lower,
            end=b.period.upper,
            title=_("%(what)s: %(shown)s") % {"what": b.resource.title, "shown": b.shown or _("taken")},
            changed=b.changed_at,
            place=f"{site.name} {site.address}",
            url=url,
            sure=b.state != "asked",
            cancelled=b.state in {"cancelled", "not_used"},
        )
        for b in rows
    ]


def booking_events(user_id: int, since: dt.datetime) -> list[feeds.FeedEvent]:
    """One's bookings, and those of one's time as an expert, for the calendar feed. One statement."""
    rows = (
        Booking.objects.filter(period__endswith__gt=since)
        .mine_or_with(user_id)
        .exclude(state="refused")
        .exclude(source_id__isnull=False)  # the room that holds it tells of it
        .select_related("resource__site")
        .order_by("period", "id")[: feeds.MOST]
    )
    return [
        feeds.FeedEvent(
            key=f"booking-{b.pk}",
            begin=b.period.lower,
            end=b.period.upper,
            title=f"{b.resource.name} · {b.resource.site.name}",
            changed=b.changed_at,
            place=b.resource.site.address,
            words=b.reason if b.state == "cancelled" else b.purpose,
            sure=b.state != "asked",
            cancelled=b.state in {"cancelled", "not_used"},
        )
        for b in rows
    ]
