"""What follows by itself: from the calendar, and from what happened to the request in the loop."""

from __future__ import annotations

import datetime as dt

from django.db.models import F, Q
from django.utils.translation import gettext as _

from heli.core.actor import SYSTEM
from heli.core.errors import HeliError, WrongState
from heli.core.steps import Step, step
from heli.loop.clocks import local_day
from heli.loop.models import Kind, Request
from heli.wishes import jobs
from heli.wishes.models import Pledge, Wish
from heli.wishes.states import WISH
from heli.wishes.steps.common import FALLS, about, drop_pledges, leave_note, lock_pledge, rules
from heli.wishes.steps.pledges import release
from heli.wishes.steps.wishes import street_of

LEFT = ("withdrawn", "declined", "merged")
ANSWERED = ("replied", "closed", "lapsed")
GOING = ("checked", "open", "pledged", "expired")
ROUND_AGAIN = Q(request__kind=Kind.WISH, request__state="handling") & (
    Q(state__in=("delivered", "closed"), request__lap__gt=F("lap")) | Q(state="turned")
)


def expire(*, at: dt.datetime, limit: int = 500) -> int:
    """Wishes whose last day is over leave the wall; their worker is asked what becomes of them. Returns how many."""
    over = (
        Wish.objects.filter(state="open", until__lt=local_day(at)).order_by("until", "id").values_list("pk", flat=True)
    )
    done = 0
    for wish_id in list(over[:limit]):
        try:
            with step("wish.expire", by=SYSTEM, at=at) as s:
                wish = s.lock(Wish, wish_id)
                if wish.until >= local_day(at):  # extended in the meantime
                    raise WrongState
                s.move(wish, WISH, "expire")
                about(s, wish)
                done += 1
        except WrongState:  # the last part was promised in the meantime
            continue
    return done


def remind(*, at: dt.datetime, limit: int = 500) -> dict[str, int]:
    """Promises whose day is over: reminded once, and released after the rule's days; where the resident said that it
    has not come, those days begin with their word. Returns both counts."""
    today = local_day(at)
    late = Pledge.objects.filter(state="promised", promised_on__lt=today)
    done = {"reminded": 0, "released": 0}
    for pledge in list(late.order_by(F("reminded_at").asc(nulls_first=True), "promised_on", "id")[:limit]):
        days = int(rules(pledge.area_path, (FALLS,), at)[FALLS].value)
        since = pledge.promised_on
        if pledge.delivered_on is not None and pledge.reminded_at is not None:
            since = local_day(pledge.reminded_at)
        try:
            if since + dt.timedelta(days=days) < today:
                release(pledge_id=pledge.pk, by=SYSTEM, at=at, reason=_("The promised day is long over."))
                done["released"] += 1
            elif pledge.reminded_at is None:
                _remind(pledge.pk, at)
                done["reminded"] += 1
        except WrongState:  # delivered or given up in the meantime
            continue
    return done


def _remind(pledge_id: int, at: dt.datetime) -> None:
    with step("pledge.remind", by=SYSTEM, at=at) as s:
        wish, pledge = lock_pledge(s, pledge_id)
        if pledge.state != "promised" or pledge.reminded_at is not None:
            raise WrongState
        pledge.reminded_at = at
        pledge.save(update_fields=["reminded_at"])
        about(s, wish)
        s.record(pledge, on=pledge.promised_on.isoformat())
        s.defer(jobs.tell_giver, pledge_id=pledge.pk, news="pledge_due")


def behind() -> list[int]:
    """Wishes that have not yet followed what happened to their request in the loop. One statement."""
    apart = (
        Q(state__in=(*GOING, "withdrawn")) & ~Q(request__kind=Kind.WISH)
        | Q(state__in=GOING, request__state__in=(*LEFT, *ANSWERED))
        | Q(state="delivered", request__state__in=("closed", "withdrawn"))
        | ROUND_AGAIN
        | Q(request__state="handling") & ~Q(unit=F("request__unit")) & Q(state__in=(*GOING, "withdrawn"))
        | ~Q(area_path=F("request__area_path"))
    )
    return list(Wish.objects.filter(apart).order_by("id").values_list("pk", flat=True)[:500])


def follow(*, at: dt.datetime) -> int:
    """Wishes follow their requests: judged, taken back, answered otherwise, turned, gone to another unit.

    Returns how many moved. What is not fit to move is left for the next time.
    """
    done = 0
    for wish_id in behind():
        try:
            with step("wish.follow", by=SYSTEM, at=at) as s:
                wish = s.lock(Wish, wish_id)
                request = Request.objects.get(pk=wish.request_id)
                about(s, wish)
                s.record(wish)
                _follow(s, wish, request)
                done += 1
        except HeliError:
            continue
    return done


def _follow(s: Step, wish: Wish, request: Request) -> None:
    going = wish.state in {*GOING, "withdrawn"}
    if going and request.kind != Kind.WISH:
        _end(s, wish, "turn", _("It was found to be another kind of request."))
        leave_note(s, wish)
    elif wish.state in GOING and request.state in LEFT:
        wish.consent_at = None
        _end(s, wish, "withdraw", _("The resident took the request back."), "consent_at")
    elif wish.state in GOING and request.state in ANSWERED:
        _end(s, wish, "close", _("The request was answered in another way."))
    elif wish.state == "delivered" and request.state == "closed" and request.solved != "no":
        s.move(wish, WISH, "fulfil")
        s.defer(jobs.tell_givers, wish_id=wish.pk, news="pledge_fulfilled")
    elif wish.state == "delivered" and request.state in {"closed", "withdrawn"}:
        _end(s, wish, "end", _("The resident says that it was not what they wished for."))
    elif Wish.objects.filter(ROUND_AGAIN, pk=wish.pk).exists():
        if request.lap > wish.lap:
            wish.lap, wish.taken, wish.received = request.lap, 0, 0
        wish.ended_at, wish.end_reason = None, ""
        s.move(wish, WISH, "again", save=("lap", "taken", "received", "ended_at", "end_reason"))
    if request.state == "handling" and request.unit_id and wish.unit_id != request.unit_id:
        wish.unit_id = request.unit_id
        wish.save(update_fields=["unit"])
        Pledge.objects.filter(wish=wish).update(unit_id=request.unit_id)
    if wish.area_path != request.area_path:  # the desk corrected the place
        wish.area_path, wish.street = request.area_path, street_of(request)
        wish.save(update_fields=["area_path", "street"])
        Pledge.objects.filter(wish=wish).update(area_path=request.area_path)


def _end(s: Step, wish: Wish, arrow: str, reason: str, *more: str) -> None:
    wish.ended_at, wish.end_reason = s.at, reason
    s.move(wish, WISH, arrow, reason=reason, save=("ended_at", "end_reason", *more))
    drop_pledges(s, wish, reason)
