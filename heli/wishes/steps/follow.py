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
from heli.wishes.steps.common import FALLS, about, drop_pledges, rules
from heli.wishes.steps.pledges import release

LEFT = ("withdrawn", "declined", "merged")
ANSWERED = ("replied", "closed", "lapsed")
GOING = ("checked", "open", "pledged", "expired")


def expire(*, at: dt.datetime, limit: int = 500) -> int:
    """Wishes whose last day is over leave the wall; their worker is asked what becomes of them. Returns how many."""
    over = (
        Wish.objects.filter(state="open", until__lt=local_day(at)).order_by("until", "id").values_list("pk", flat=True)
    )
    done = 0
    for wish_id in list(over[:limit]):
        with step("wish.expire", by=SYSTEM, at=at) as s:
            wish = s.lock(Wish, wish_id)
            about(s, wish)
            s.record(wish)
            if wish.state == "open" and wish.until < local_day(at):
                s.move(wish, WISH, "expire")
                done += 1
    return done


def remind(*, at: dt.datetime, limit: int = 500) -> dict[str, int]:
    """Promises whose day is over: reminded once, and released after the rule's days. Returns both counts."""
    today = local_day(at)
    late = Pledge.objects.filter(state="promised", promised_on__lt=today).order_by("promised_on", "id")
    done = {"reminded": 0, "released": 0}
    for pledge in list(late[:limit]):
        days = int(rules(pledge.area_path, (FALLS,), at)[FALLS].value)
        try:
            if pledge.promised_on + dt.timedelta(days=days) < today:
                release(pledge_id=pledge.pk, by=SYSTEM, at=at, reason=_("The promised day is long over."))
                done["released"] += 1
            elif pledge.reminded_at is None:
                done["reminded"] += _remind(pledge, at)
        except WrongState:  # delivered or given up in the meantime
            continue
    return done


def _remind(pledge: Pledge, at: dt.datetime) -> int:
    with step("pledge.remind", by=SYSTEM, at=at) as s:
        found = Pledge.objects.filter(pk=pledge.pk, state="promised", reminded_at=None).update(reminded_at=at)
        s.about("wishes.wish", pledge.wish_id, pledge.area_path)
        s.record(pledge, on=pledge.promised_on.isoformat())
        if found:
            s.defer(jobs.tell_giver, pledge_id=pledge.pk, news="pledge_due")
    return found


def behind() -> list[int]:
    """Wishes that have not yet followed what happened to their request in the loop. One statement."""
    apart = (
        Q(state__in=(*GOING, "withdrawn")) & ~Q(request__kind=Kind.WISH)
        | Q(state__in=GOING, request__state__in=(*LEFT, *ANSWERED))
        | Q(state="delivered", request__state__in=("closed", "withdrawn"))
        | Q(state="delivered", request__state="handling", request__lap__gt=F("lap"))
        | Q(request__state="handling") & ~Q(unit=F("request__unit")) & Q(state__in=(*GOING, "withdrawn"))
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
    elif wish.state == "delivered":
        wish.lap, wish.taken, wish.received, wish.ended_at = request.lap, 0, 0, None
        s.move(wish, WISH, "again", save=("lap", "taken", "received", "ended_at"))
    if request.state == "handling" and request.unit_id and wish.unit_id != request.unit_id:
        wish.unit_id = request.unit_id
        wish.save(update_fields=["unit"])
        Pledge.objects.filter(wish=wish).update(unit_id=request.unit_id)


def _end(s: Step, wish: Wish, arrow: str, reason: str, *more: str) -> None:
    wish.ended_at, wish.end_reason = s.at, reason
    s.move(wish, WISH, arrow, reason=reason, save=("ended_at", "end_reason", *more))
    drop_pledges(s, wish, reason)
