"""What waits for a person in the loop, for the staff's first page: cards that open their rows.

At most: one statement for a unit, one for the desk, three for a supervisor, one for revisit calls, one for a clerk, two
for an administrator, one more for what the reader wants of either of the last and of the desk; a person pays only for the parts they have.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from django.db.models import Count, Exists, OuterRef, Q, Value
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.cards import NextAct
from heli.core.scope import within
from heli.loop import rates
from heli.loop.clocks import local_day
from heli.loop.models import Category, Dispatch, DutyRow, Exclusion, Extension, Request
from heli.loop.queries import inbox, orders, revisits
from heli.loop.reading_models import AutoStop, Reader, ReaderState, Sample
from heli.loop.states import OPEN

Words = str | Promise
# The card of the first one of these states that has something stands first on the page.
URGENT = ("late", "soon", "you", "doing", "back", "")


def link(name: str, **query: str | int) -> str:
    """The address of a list with its filters; '' while the page is not there."""
    try:
        where = reverse(name)
    except NoReverseMatch:
        return ""
    return f"{where}?{urlencode(query)}" if query else where


def next_acts(actor: Actor, now: dt.datetime) -> list[NextAct]:
    """The cards for everything this person may do, the most urgent ones with something in them first."""
    made = [
        *_unit(actor, now),
        *_desk(actor, now),
        *_supervisor(actor, now),
        *_orders(actor, now),
        *_revisits(actor, now),
        *_clerk(actor),
        *_admin(actor, now),
        *_reader(actor),
    ]
    shown = [a for a in made if a.url]
    return sorted(shown, key=lambda a: (a.count == 0, URGENT.index(a.state)))


def _unit(actor: Actor, now: dt.datetime) -> Iterator[NextAct]:
    if not actor.org_ids(*inbox.UNIT_CAPS):
        return
    n = inbox.counts(actor, now)
    groups = (
        ("redo", _("Not solved for the resident"), _("once more, with a clock of its own"), "late"),
        ("accept", _("Take on"), _("sent to your unit, nobody has taken them on yet"), "soon"),
        ("contact", _("Call first"), _("residents who wait for the first contact"), "soon"),
        ("answer", _("The resident said more"), _("read it before you go on"), "you"),
        ("approve", _("Read and send"), _("replies that wait for your word"), "doing"),
        ("reply", _("Write the reply"), _("contacted, and not answered yet"), "doing"),
        ("help", _("Asked to help"), _("another unit needs your part"), "doing"),
        ("opinion", _("Our part"), _("taken on, not handed in yet"), "doing"),
    )
    if n.late:
        said = _("of %(n)s that your unit has in hand") % {"n": n.hand}
        yield NextAct(_("Overdue"), said, n.late, link("loop:inbox", tab="hand", due="late"), "late")
    for do, title, said, state in groups:
        if n.by_do.get(do):
            yield NextAct(title, said, n.by_do[do], link("loop:inbox", tab="todo", do=do), state)
    if not n.todo:
        yield NextAct(_("To do for your unit"), _("nothing waits"), 0, link("loop:inbox"))


def _desk(actor: Actor, now: dt.datetime) -> Iterator[NextAct]:
    paths = actor.paths(Cap.DISPATCH)
    if not paths:
        return
    asks = Exists(Dispatch.objects.filter(request=OuterRef("pk"), state="returning"))
    n = Request.objects.filter(within("area_path", paths), state__in=("heard", "dispatched", "handling")).aggregate(
        heard=Count("pk", filter=Q(state="heard")),
        late=Count("pk", filter=Q(state="heard", due_at__lt=now)),
        returning=Count("pk", filter=Q(asks)),
    )
    said = (
        ngettext("%(n)s is past its time", "%(n)s are past their time", n["late"]) % {"n": n["late"]}
        if n["late"]
        else _("none is past its time")
    )
    yield NextAct(_("To dispatch"), said, n["heard"], link("loop:desk"), "late" if n["late"] else "soon")
    yield NextAct(
        _("Returns to decide"), _("units that say it is not theirs"), n["returning"], link("loop:returns"), "back"
    )


def _supervisor(actor: Actor, now: dt.datetime) -> Iterator[NextAct]:
    paths = actor.paths(Cap.SUPERVISE)
    if paths:
        known = rates.sets(now)
        n = Request.objects.filter(within("area_path", paths), state__in=OPEN).aggregate(
            overdue=Count("pk", filter=Q(due_at__lt=now)),
            bounced=Count("pk", filter=known["bounced"]),
            appealed=Count("pk", filter=Q(state="appealed")),
            open=Count("pk"),
        )
        more = Extension.objects.filter(within("area_path", paths), state="asked").exclude(asked_by=actor.user_id)
        said = _("of %(n)s that are open") % {"n": n["open"]}
        yield NextAct(_("Overdue"), said, n["overdue"], link("loop:requests", due="late"), "late")
        yield NextAct(
            _("Without an owner"),
            _("came back twice or more"),
            n["bounced"],
            link("loop:requests", set="bounced"),
            "late",
        )
        yield NextAct(
            _("More time asked for"), _("units wait for your word"), more.count(), link("loop:extensions"), "soon"
        )
        yield NextAct(
            _("Still not solved after the last round"),
            _("decide in writing"),
            n["appealed"],
            link("loop:appeals"),
            "soon",
        )
    left_out = actor.paths(Cap.EXCLUDE)
    if left_out:
        waits = Exclusion.objects.filter(within("area_path", left_out), state="proposed")
        count = waits.exclude(proposed_by=actor.user_id).count()
        yield NextAct(_("Exclusions to decide"), _("a second person looks"), count, link("loop:exclusions"), "doing")


def _orders(actor: Actor, now: dt.datetime) -> Iterator[NextAct]:
    for route, title, said, n, query, state in orders.cards(actor, now):
        yield NextAct(title, said, n, link(route, **query), state)


def _revisits(actor: Actor, now: dt.datetime) -> Iterator[NextAct]:
    if not actor.paths(Cap.REVISIT):
        return
    n = revisits.waiting(actor).aggregate(
        now=Count("pk", filter=Q(call_at__lte=now)),
        all=Count("pk"),
        late=Count("pk", filter=Q(request__due_at__lt=now, request__due_kind="revisit")),
    )
    said = _("of %(n)s that are to be called") % {"n": n["all"]}
    yield NextAct(_("Revisit calls"), said, n["now"], link("loop:revisits"), "late" if n["late"] else "doing")


def _clerk(actor: Actor) -> Iterator[NextAct]:
    if not actor.paths(Cap.HEAR) or actor.user_id is None:
        return
    n = Request.objects.filter(heard_by=actor.user_id).aggregate(
        open=Count("pk", filter=Q(state__in=OPEN)), judge=Count("pk", filter=Q(state="replied", satisfaction=None))
    )
    said = _("answered, not judged: ask them when you meet them")
    yield NextAct(_("Taken down by you"), said, n["judge"], link("loop:requests", heard="me", set="waiting"), "you")
    yield NextAct(
        _("Taken down by you, still open"),
        _("what you can tell who asks"),
        n["open"],
        link("loop:requests", heard="me", state="open"),
    )


def _admin(actor: Actor, now: dt.datetime) -> Iterator[NextAct]:
    paths = actor.paths(Cap.MANAGE_DUTY)
    if not paths:
        return
    day = local_day(now)
    rows = DutyRow.objects.filter(within("area_path", paths), valid_from__lte=day).filter(
        Q(valid_to=None) | Q(valid_to__gt=day)
    )
    closed = rows.filter(unit__closed_at__lte=now).count()
    yield NextAct(
        _("Duty rows of closed units"), _("nothing can be sent by them"), closed, link("loop:duty", closed=1), "late"
    )
    open_rows = rows.filter(area_path__in={p[:6] for p in paths})
    named = open_rows.filter(
        Q(category=OuterRef("pk")) | Q(category=OuterRef("parent")) | Q(category=OuterRef("parent__parent"))
    )
    bare = Category.objects.filter(~Exists(named), level=3, closed_on=None).count()
    yield NextAct(
        _("Matters without a row"), _("the duty list names nobody for them"), bare, link("loop:duty", missing=1), "soon"
    )


def _reader(actor: Actor) -> Iterator[NextAct]:
    """What the reader wants of people: samples of what the rule sent on, a new one to compare, what was stopped."""
    kept = actor.paths(Cap.MANAGE_DUTY)
    if not kept and not actor.paths(Cap.DISPATCH):
        return
    samples = Sample.objects.visible_to(actor).filter(right=None)
    ready = Reader.objects.filter(within("area_path", kept), state=ReaderState.READY)
    stops = AutoStop.objects.filter(within("area_path", kept), lifted_at=None)
    counted = [
        rows.order_by().annotate(what=Value(what)).values("what").annotate(n=Count("pk")).values_list("what", "n")
        for what, rows in (("samples", samples), ("ready", ready), ("stops", stops))
    ]
    n = dict(counted[0].union(*counted[1:], all=True))
    if n.get("samples"):
        said = _("sent on by the rule; was it right?")
        yield NextAct(_("Samples to look at"), said, n["samples"], link("loop:reader_samples"), "soon")
    if n.get("ready"):
        said = _("it has learned; compare it and decide")
        yield NextAct(_("A new reader"), said, n["ready"], link("loop:reader"), "you")
    if n.get("stops"):
        said = _("the rule sends them on no longer")
        yield NextAct(_("Matters stopped by their samples"), said, n["stops"], link("loop:reader"), "soon")
