"""督办: a supervisor's order to units, the meeting on site, each unit's written outcome, and the end of it."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from django.db import connection
from django.db.models import Max, Q
from django.utils.translation import gettext_lazy as _

from heli.core import files
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import AlreadyDone, Forbidden, Invalid, NotFound, WrongState
from heli.core.steps import Step, step
from heli.engines.identifiers import without_personal
from heli.loop.clocks import local_day
from heli.loop.errors import OrderOpen, PartsOpen
from heli.loop.models import Request
from heli.loop.oversight_models import Order, OrderPart, OrderRequest
from heli.loop.states import OPEN, ORDER, ORDER_PART
from heli.loop.steps.dispatch import in_reach
from heli.loop.steps.hear import SUBJECT, by_staff, checked_text
from heli.orgs.queries import open_unit
from heli.rulebook import queries as rulebook

ABOUT = "loop.order"
RULE = "order.reply"
MOST_REQUESTS, MOST_UNITS = 50, 20
URGENCIES = ("emergency", "urgent", "normal")  # the most urgent request decides how long the units have


@dataclass(frozen=True, slots=True)
class Meeting:
    """Where and when the units come together on site."""

    at: dt.datetime
    place: str


@dataclass(frozen=True, slots=True)
class Share:
    """What one unit took on at the meeting, and by which day."""

    text: str
    by: dt.date | None = None


def issue_order(
    *,
    by: Actor,
    at: dt.datetime,
    title: str,
    demand: str,
    units: Mapping[int, str],
    request_ids: Collection[int] = (),
    area_path: str = "",
    meeting: Meeting | None = None,
    form_key: uuid.UUID | None = None,
) -> Order:
    """Order units to act, with a number, a deadline by rule, and a meeting on site where one is set.

    `units`: {unit id: what is asked of that unit, '' for the demand as a whole}. Without requests it is a standing
    matter of `area_path`. The same form sent twice gives the first order.

    Raises:
        OrderOpen: one of the requests, or one joined into it, has an open order already (L-142).
        NotFound: a request out of reach (L-404). Forbidden: a unit out of reach (L-403). UnitClosed (L-601).
        WrongState: a request that is over (L-101).
        Invalid: no unit, too many, no title, a meeting in the past (L-400). RuleMissing (L-301).
    """
    title = by_staff(checked_text(title, "title", 60), 60)
    demand = by_staff(checked_text(demand, "demand", 2000), 2000)
    if not units or len(units) > MOST_UNITS:
        raise Invalid(_("Name at least one unit, and at most %(n)s.") % {"n": MOST_UNITS}, field="units")
    if len(request_ids) > MOST_REQUESTS:
        raise Invalid(_("At most %(n)s requests go under one order.") % {"n": MOST_REQUESTS}, field="codes")
    if meeting is not None and (meeting.at <= at or not meeting.place.strip()):
        raise Invalid(_("The meeting needs a place and a time that is still to come."), field="meet_at")
    with step("order.issue", by=by, at=at) as s:
        if form_key is not None:
            one_at_a_time(f"order:{form_key}")
            if known := Order.objects.visible_to(by).filter(form_key=form_key).first():
                s.about(ABOUT, known.pk, known.area_path)
                s.record(known, again=True)
                return known
        requests = [s.lock(Request, pk) for pk in sorted(set(request_ids))]
        path = common(area_path, requests)
        s.require(Cap.SUPERVISE, path=path)
        for r in requests:
            if r.state not in (*OPEN, "replied", "lapsed"):
                raise WrongState
            if OrderRequest.objects.filter(Q(request=r) | Q(request__merged_into=r), open=True).exists():
                raise OrderOpen(code=r.code, field="codes")
        named = {pk: open_unit(pk, at) for pk in sorted(units)}
        if not all(in_reach(path, unit) for unit in named.values()):
            raise Forbidden
        order = _numbered(s, path, requests)
        order.title, order.demand, order.form_key = title, demand, form_key
        if meeting is not None:
            order.meet_at, order.meet_place = meeting.at, by_staff(meeting.place, 120)
        order.save(force_insert=True)
        OrderRequest.objects.bulk_create([OrderRequest(order=order, request=r) for r in requests])
        OrderPart.objects.bulk_create(
            [
                OrderPart(order=order, unit=u, area_path=path, demand=by_staff(units[pk], 500), due_at=order.due_at)
                for pk, u in named.items()
            ]
        )
        s.about(ABOUT, order.pk, path)
        s.record(order, number=str(order), units=list(named), requests=[r.pk for r in requests])
        s.event.after = "open"
        told(s, requests, "request.order", number=str(order))
    return order


def one_at_a_time(name: str) -> None:
    """Wait until nobody else does this; held until the transaction ends. One statement."""
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def common(area_path: str, requests: Sequence[Request]) -> str:
    """The area an order is of: the one named, or the narrowest that all its requests lie in; of one county."""
    if not requests:
        if len(area_path) < 6:
            raise Invalid(_("Say for which area the order is."), field="area_path")
        return area_path
    paths = [r.area_path for r in requests]
    whole = next((n for n in (12, 9, 6) if len({p[:n] for p in paths}) == 1 and len(paths[0]) >= n), 0)
    if not whole:
        raise Invalid(_("The requests of one order lie in one county."), field="codes")
    return paths[0] if len(set(paths)) == 1 else paths[0][:whole]


def _numbered(s: Step, path: str, requests: Sequence[Request]) -> Order:
    """A new order with the next number of its county and year (no gaps: the lock is held until it is written) and its
    deadline by the rule in force."""
    county, year = path[:6], local_day(s.at).year
    urgency = min((r.urgency for r in requests), key=URGENCIES.index, default="normal")
    rules, calendar = rulebook.with_calendar((RULE,), path=path, at=s.at, facts={"urgency": urgency})
    rule = rules[RULE]
    amount, measure = int(rule.value["amount"]), str(rule.value["unit"])
    due = calendar.due(s.at, amount, measure)  # type: ignore[arg-type]
    s.rule(rule)
    one_at_a_time(f"order:{county}:{year}")
    last = Order.objects.filter(county=county, year=year).aggregate(n=Max("serial"))["n"] or 0
    return Order(
        county=county,
        year=year,
        serial=last + 1,
        area_path=path,
        rule_id=rule.id,
        amount=amount,
        measure=measure,
        due_at=due.at,
        provisional=due.provisional,
        issued_at=s.at,
        issued_by_id=s.by.user_id,
    )


def told(s: Step, requests: Iterable[Request], name: str, *, number: str, words: str = "") -> None:
    """An event of its own on the timeline of each request, and where its residents look: on what it was joined into, and
    on the whole it is a part of."""
    timelines: dict[int, Request] = {}
    for r in requests:
        for seen in [r.merged_into] if r.merged_into else [r, r.parent]:
            if seen is not None:
                timelines[seen.pk] = seen
    locked = Request.objects.select_for_update().order_by("pk").filter(pk__in=timelines)
    list(locked.values_list("pk"))  # what receivers are told of one request keeps its order
    for pk, r in sorted(timelines.items()):
        inner = Step(name, s.by, s.at)
        inner.about(SUBJECT, pk, r.area_path)
        inner.record(public=True, number=number, words=words)
        inner.close()


def lock_part(s: Step, part_id: int) -> tuple[Order, OrderPart]:
    """A unit's part with its order locked first."""
    order_id = OrderPart.objects.filter(pk=part_id).values_list("order_id", flat=True).first()
    if order_id is None:
        raise NotFound
    order = s.lock(Order, order_id)
    part = OrderPart.objects.select_for_update().get(pk=part_id)
    s.about(ABOUT, order.pk, order.area_path)
    if order.state != "open":
        raise WrongState
    return order, part


def acknowledge_order(*, part_id: int, by: Actor, at: dt.datetime) -> OrderPart:
    """The unit has read the order."""
    with step("order.acknowledge", by=by, at=at) as s:
        _order, part = lock_part(s, part_id)
        if part.state != "issued" and part.acknowledged_at is not None:
            raise AlreadyDone
        part.acknowledged_at = at
        s.move(part, ORDER_PART, "acknowledge", save=("acknowledged_at",))
        s.record(part, unit=part.unit_id)
    return part


def report_order(*, part_id: int, by: Actor, at: dt.datetime, text: str, papers: Sequence[IO[bytes]] = ()) -> OrderPart:
    """The unit says in writing what came of it. Raises TooLong (L-118), WrongState (L-101)."""
    text = checked_text(text, limit=4000)
    sheets = [files.clean(p, files.PAPER) for p in papers]
    with step("order.report", by=by, at=at) as s:
        _order, part = lock_part(s, part_id)
        kept = files.keep_all(sheets, subject_type="loop.orderpart", subject_id=part.pk)
        part.outcome = without_personal(text, offices=True)
        part.papers = [*part.papers, *(f.pk for f in kept)]
        part.reported_at, part.reported_by_id = at, by.user_id
        part.acknowledged_at = part.acknowledged_at or at
        saved = ("outcome", "papers", "reported_at", "reported_by", "acknowledged_at")
        s.move(part, ORDER_PART, "report", save=saved)
        s.record(part, unit=part.unit_id, late=at > part.due_at)
    return part


def accept_report(*, part_id: int, by: Actor, at: dt.datetime) -> OrderPart:
    """The supervisor takes the unit's outcome as done."""
    with step("order.accept", by=by, at=at) as s:
        _order, part = lock_part(s, part_id)
        part.accepted_at = at
        s.move(part, ORDER_PART, "accept", save=("accepted_at",))
        s.record(part, unit=part.unit_id)
    return part


def send_back_report(*, part_id: int, by: Actor, at: dt.datetime, reason: str) -> OrderPart:
    """It is not enough: the unit reads why, and has the time of the order once more."""
    with step("order.send_back", by=by, at=at) as s:
        order, part = lock_part(s, part_id)
        calendar = rulebook.calendar(order.area_path, at)
        part.due_at = calendar.due(at, order.amount, order.measure).at  # type: ignore[arg-type]
        part.back_reason, part.backs = by_staff(reason), part.backs + 1
        s.move(part, ORDER_PART, "send_back", save=("due_at", "back_reason", "backs"), reason=by_staff(reason))
        s.record(part, unit=part.unit_id)
    return part


def hold_meeting(
    *,
    order_id: int,
    by: Actor,
    at: dt.datetime,
    minutes: str,
    came: Collection[int] = (),
    shares: Mapping[int, Share] | None = None,
) -> Order:
    """The meeting on site was held: which units came, what was agreed, who is responsible for what by when.

    `came`: unit ids; `shares`: {unit id: Share}. May be corrected until the order ends.
    """
    minutes = by_staff(checked_text(minutes, "minutes", 4000), 4000)
    with step("order.meet", by=by, at=at) as s:
        order = s.lock(Order, order_id)
        s.require(Cap.SUPERVISE, path=order.area_path)
        s.about(ABOUT, order.pk, order.area_path)
        if order.state != "open":
            raise WrongState
        if order.meet_at is None or order.meet_at > at:
            raise Invalid(_("Minutes are written when the meeting has begun."), field="minutes")
        order.minutes, order.met_at = minutes, order.met_at or at
        order.save(update_fields=["minutes", "met_at"])
        agreed = shares or {}
        parts = list(OrderPart.objects.select_for_update().filter(order=order).order_by("pk"))
        for part in parts:
            share = agreed.get(part.unit_id)
            part.came = part.unit_id in came
            if share is not None:
                part.share, part.share_by = by_staff(share.text, 500), share.by
            part.save(update_fields=["came", "share", "share_by"])
        s.record(order, came=sorted(set(came) & {p.unit_id for p in parts}))
    return order


def close_order(*, order_id: int, by: Actor, at: dt.datetime, decision: str, public_words: str = "") -> Order:
    """Every unit's outcome is accepted: the order ends. `public_words` is what residents read of it.

    Raises PartsOpen (L-146) while a report is missing or not accepted.
    """
    return _end(order_id, "close", by, at, decision=decision, public_words=public_words)


def withdraw_order(*, order_id: int, by: Actor, at: dt.datetime, reason: str) -> Order:
    """The order no longer stands, and why."""
    return _end(order_id, "withdraw", by, at, reason=reason)


def _end(order_id: int, arrow: str, by: Actor, at: dt.datetime, *, public_words: str = "", **papers: str) -> Order:
    with step(f"order.{arrow}", by=by, at=at) as s:
        order = s.lock(Order, order_id)
        s.about(ABOUT, order.pk, order.area_path)
        parts = OrderPart.objects.select_for_update().filter(order=order)
        if arrow == "close" and order.state == "open" and parts.exclude(state="accepted").exists():
            raise PartsOpen
        order.ended_at, order.ended_by_id = at, by.user_id
        order.public_words = by_staff(public_words, 1000)
        said = {name: by_staff(words, 500) for name, words in papers.items()}
        s.move(order, ORDER, arrow, save=("ended_at", "ended_by", "public_words"), **said)
        s.record(order)
        if arrow == "withdraw":
            for part in parts.exclude(state="accepted").order_by("pk"):
                s.move(part, ORDER_PART, "withdraw")
        links = OrderRequest.objects.filter(order=order).select_related("request__merged_into", "request__parent")
        told(s, [x.request for x in links], f"request.order_{arrow}", number=str(order), words=order.public_words)
        links.update(open=False)
    return order
