"""What the steps share. Lock order everywhere: the wish, then a pledge, then (inside the loop's steps) the request."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heli.core.actor import SYSTEM, Actor
from heli.core.errors import NotFound
from heli.core.steps import Step
from heli.loop import steps as loop
from heli.loop.clocks import local_day
from heli.rulebook import queries as rulebook
from heli.rulebook.queries import RuleVersion
from heli.wishes import jobs
from heli.wishes.models import Pledge, Wish
from heli.wishes.states import LIVE, PLEDGE, WISH

SUBJECT = "wishes.wish"
EXPIRY, MONEY, WITHIN, FALLS, RISE = (
    "wish.expiry",
    "wish.money_limit",
    "wish.deliver_within",
    "wish.release_after",
    "wish.rise",
)


def rules(area_path: str, wanted: Collection[str], at: dt.datetime) -> dict[str, RuleVersion]:
    """The rules of wishes here and now. One statement; RuleMissing (L-301)."""
    return rulebook.in_force(wanted, path=area_path, on=local_day(at), facts={"kind": "wish", "urgency": "normal"})


def amount_words(amount: int, measure: str) -> str:
    """3 条, 200 元"""
    return _("%(n)s %(measure)s") % {"n": amount, "measure": measure}


def lock_wish(s: Step, wish_id: int) -> Wish:
    """A wish the actor may see, locked; NotFound (L-404)."""
    return s.lock(Wish, wish_id, related=("request", "street"))


def lock_pledge(s: Step, pledge_id: int) -> tuple[Wish, Pledge]:
    """A pledge the actor may see, with its wish locked first; NotFound (L-404)."""
    wish_id = Pledge.objects.visible_to(s.by).filter(pk=pledge_id).values_list("wish_id", flat=True).first()
    if wish_id is None:
        raise NotFound
    wish = Wish.objects.select_for_update(of=("self",)).select_related("request", "street").get(pk=wish_id)
    pledge = Pledge.objects.select_for_update(of=("self",)).get(pk=pledge_id)
    pledge.wish = wish
    return wish, pledge


def about(s: Step, wish: Wish) -> None:
    s.about(SUBJECT, wish.pk, wish.area_path)


def follow_up(s: Step, wish: Wish, name: str, *, save: tuple[str, ...] = (), **papers: Any) -> None:
    """An arrow that follows by itself from what the actor did: the system's own event in the same transaction."""
    inner = Step(f"wish.{name}", SYSTEM, s.at)
    inner.move(wish, WISH, name, save=save, **papers)
    about(inner, wish)
    inner.close()


def counted(wish: Wish) -> None:
    """Read again what the database counted."""
    wish.refresh_from_db(fields=["taken", "received"])


def drop_pledges(s: Step, wish: Wish, reason: str) -> int:
    """Every promise that has not arrived falls away, each with its own event, and its giver is told. Call while
    holding the wish's lock, after the wish left the wall."""
    live = list(Pledge.objects.filter(wish=wish, lap=wish.lap, state__in=("promised", "delivered")).order_by("id"))
    for pledge in live:
        inner = Step("pledge.release", SYSTEM, s.at)
        pledge.ended_at, pledge.end_reason = s.at, reason[:300]
        inner.move(pledge, PLEDGE, "release", reason=reason, save=("ended_at", "end_reason"))
        about(inner, wish)
        inner.close()
        s.defer(jobs.tell_giver, pledge_id=pledge.pk, news="pledge_released")
    return len(live)


def given_words(wish: Wish) -> str:
    """Who gave what, without a person's name: "鲁新超市 2 条，1 位居民 1 条"."""
    rows = Pledge.objects.filter(wish=wish, lap=wish.lap, state__in=LIVE).select_related("org").order_by("id")
    said = [f"{p.org.short_name} {amount_words(p.amount, wish.measure)}" for p in rows if p.org is not None]
    people = [p for p in rows if p.org is None]
    if people:
        n = len({p.by_id for p in people})
        who = ngettext("%(n)s neighbour", "%(n)s neighbours", n) % {"n": n}
        said.append(f"{who} {amount_words(sum(p.amount for p in people), wish.measure)}")
    return _(", ").join(said)


def answer(s: Step, wish: Wish) -> None:
    """All arrived: the reply goes out, composed of facts, and the resident is asked to judge. In the worker's name;
    where the resident confirmed by link, in nobody's."""
    wish.ended_at = s.at
    follow_up(s, wish, "deliver", save=("ended_at",))
    with translation.override(settings.LANGUAGE_CODE):
        text = _("Your wish “%(title)s” has arrived: %(given)s. You confirmed that you have it.") % {
            "title": wish.title,
            "given": given_words(wish),
        }
    by: Actor = s.by if s.by.is_staff else SYSTEM
    loop.write_reply(request_id=wish.request_id, by=by, at=s.at, text=text, kind="pledge")  # tells the resident, too


def leave_note(s: Step, wish: Wish) -> None:
    """What was seen at the home goes along with the request when it is helped with in another way: whoever gets it then
    may not see the wish. Call while holding the wish's lock."""
    with translation.override(settings.LANGUAGE_CODE):
        text = _("It was a wish: “%(title)s”. %(words)s Looked in on %(day)s: %(seen)s") % {
            "title": wish.title,
            "words": wish.words,
            "day": f"{wish.visited_on:%Y-%m-%d}",
            "seen": wish.seen,
        }
    loop.note(request_id=wish.request_id, by=s.by, at=s.at, text=text)


def arrived(s: Step, wish: Wish) -> None:
    """After something was received or is found enough: is it all?"""
    if wish.state == "pledged" and wish.received == wish.needed:
        answer(s, wish)
