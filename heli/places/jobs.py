"""What runs later of places: large tables of sites. Each may run twice without harm."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from procrastinate import JobContext
from procrastinate.contrib.django import app

from heli.core import vault
from heli.core.jobs import BACKOFF
from heli.core.steady import steady

MOBILE = 11  # digits


@app.task(name="places.import_sites", queue="imports", retry=BACKOFF)
def import_sites(table_id: int) -> str:
    """Take a large table of sites, all of it or nothing. Killed on the way it begins anew; run once more after it ended it
    does nothing. Returns the table's state."""
    from heli.places.site_import_steps import run_waiting

    return run_waiting(table_id)


@app.periodic(cron="28 * * * *")
@app.task(name="places.forget_drafts", queue="imports", queueing_lock="places.forget_drafts")
def forget_drafts(timestamp: int) -> int:
    """Every hour: tables that were looked at a day ago and not taken. Returns how many; harmless when run twice."""
    from heli.places.site_import_steps import forget_drafts as forget

    return forget(at=timezone.now())


@app.periodic(cron="*/10 * * * *")
@app.task(name="places.lapse_bookings", queue="clocks", queueing_lock="places.lapse_bookings")
def lapse_bookings(timestamp: int) -> int:
    """Every ten minutes: what was asked for and nobody answered ends. Returns how many; harmless when run twice."""
    from heli.places.booking_steps import lapse_all

    return lapse_all(timezone.now()) if steady() else 0


@app.task(name="places.tell_booking", queue="tell", retry=BACKOFF, pass_context=True)
def tell_booking(context: JobContext, booking_id: int, news: str) -> bool:
    """News of a booking for who asked, where their account has a mobile number. Run again it sends under the same key, and
    the gateway drops it."""
    from heli.adapters import sms
    from heli.places.resources import Booking

    booking = Booking.objects.select_related("by__record", "resource__site").filter(pk=booking_id).first()
    record = booking.by.record if booking is not None and booking.by is not None else None
    phone = vault.open_own(record)["phone"] if record is not None and record.erased_at is None else ""
    if booking is None or len(phone) != MOBILE or not phone.startswith("1"):
        return False
    said = {"code": str(booking.pk), "news": news, "what": f"{booking.resource.site.name} {booking.resource.title}"}
    link = f"{settings.HELI_PUBLIC_URL}{reverse('sites:mine')}"
    sms.sender().send(phone, "news", said | {"link": link}, f"places:{context.job.id}:{booking.pk}")
    return True
