"""Promises: made, delivered, received with the resident's word, given up or released."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import IO

from django.db import IntegrityError
from django.utils.translation import gettext as _

from heli.core import files, vault
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import AlreadyDone, Forbidden, Invalid, NotFound, PaperMissing, WrongState
from heli.core.steps import Step, step
from heli.engines.identifiers import without_personal
from heli.loop.clocks import local_day
from heli.loop.steps.hear import by_staff
from heli.orgs.queries import open_unit
from heli.wishes import jobs
from heli.wishes.errors import AllTaken, NotOnWall, PromisedTooLate, ReferenceMissing, SomebodyFaster
from heli.wishes.models import Gift, Pledge, Wish
from heli.wishes.states import PLEDGE
from heli.wishes.steps.common import (
    SUBJECT,
    WITHIN,
    about,
    amount_words,
    arrived,
    counted,
    follow_up,
    lock_pledge,
    rules,
)
from heli.wishes.steps.wishes import own_link

WORDS_OF = ("visit", "phone", "link")  # how the resident said that it arrived


def pledge(
    *,
    wish_id: int,
    by: Actor,
    at: dt.datetime,
    amount: int,
    promised_on: dt.date,
    phone: str,
    name: str = "",
    org_id: int | None = None,
    form_key: uuid.UUID | None = None,
) -> Pledge:
    """Promise a part of a wish, or all that is missing; as a person, or for an organisation one pledges for.

    The giver's number goes to the vault; the wish's unit reads it for a purpose (`reveal`).

    Raises:
        SomebodyFaster: less is missing now (L-210). AllTaken: nothing is (L-211). NotOnWall (L-215).
        PromisedTooLate: not from today on, or later than the rule allows (L-216).
        Forbidden: not logged in, or not for this organisation. AlreadyDone: the same form twice (L-104).
    """
    if by.user_id is None:
        raise Forbidden
    if amount < 1:
        raise Invalid(_("At least one is needed."), field="amount")
    if not phone:
        raise Invalid(_("Write a number: the worker calls you about the delivery."), field="phone")
    try:
        with step("wish.pledge", by=by, at=at) as s:
            found = Wish.objects.on_wall().filter(pk=wish_id).select_for_update(of=("self",))
            wish = found.select_related("request").first()
            if form_key is not None and Pledge.objects.filter(form_key=form_key).exists():
                raise AlreadyDone
            if wish is None:
                raise NotOnWall
            if org_id is not None:
                s.require(Cap.PLEDGE, org_id=org_id)
                open_unit(org_id, at)
            if wish.state != "open" or wish.left < 1:
                raise AllTaken
            if amount > wish.left:
                raise SomebodyFaster(left=amount_words(wish.left, wish.measure), field="amount")
            rule = rules(wish.area_path, (WITHIN,), at)[WITHIN]
            s.rule(rule)
            today = local_day(at)
            last = today + dt.timedelta(days=int(rule.value))
            if not today <= promised_on <= last:
                raise PromisedTooLate(last=f"{last:%m-%d}", field="promised_on")
            made = Pledge.objects.create(
                wish=wish,
                unit_id=wish.unit_id,
                area_path=wish.area_path,
                lap=wish.lap,
                org_id=org_id,
                by_id=by.user_id,
                record=vault.seal(name=name.strip()[:40], phone=phone, user_id=by.user_id),
                gift=wish.gift,
                amount=amount,
                promised_on=promised_on,
                form_key=form_key,
                made_at=at,
            )
            counted(wish)
            if not wish.left:
                follow_up(s, wish, "fill")
            about(s, wish)
            s.record(made, amount=amount, promised_on=promised_on.isoformat(), org=org_id)
            s.event.after = made.state
    except IntegrityError as error:
        if "form_key" in str(error):
            raise AlreadyDone from error
        raise
    return made


def as_giver(s: Step, pledge: Pledge, *, worker: bool = False) -> None:
    """The person who promised, or somebody who pledges for that organisation; with `worker` the wish's unit too."""
    if s.by.system:
        return
    if pledge.org_id is None and pledge.by_id == s.by.user_id:
        return
    if pledge.org_id is not None and s.by.can(Cap.PLEDGE, org_id=pledge.org_id):
        s.require(Cap.PLEDGE, org_id=pledge.org_id)
        return
    if not worker:
        raise Forbidden
    s.require(Cap.POST_WISHES, org_id=pledge.unit_id)


def deliver(
    *,
    pledge_id: int,
    by: Actor,
    at: dt.datetime,
    delivered_on: dt.date,
    how: str = "",
    reference: str = "",
    photo: IO[bytes] | None = None,
) -> Pledge:
    """The giver says it is delivered (or tells the worker, who writes it down); now the resident is asked.

    Raises ReferenceMissing (L-217): money needs the number of the receipt of who took it; NotLookedAt (L-200) for a
    photo in which faces and plates could not be covered: others see it, and it can be left out.
    """
    picture = files.clean(photo, files.STREET) if photo is not None else None
    with step("pledge.deliver", by=by, at=at) as s:
        wish, mine = lock_pledge(s, pledge_id)
        as_giver(s, mine, worker=True)
        if not local_day(mine.made_at) <= delivered_on <= local_day(at):
            raise Invalid(
                _("Name the day it was delivered: not before you promised it, not after today."), field="delivered_on"
            )
        if mine.gift == Gift.MONEY and not reference.strip():
            raise ReferenceMissing(keeper=wish.keeper, field="reference")
        mine.delivered_on, mine.delivered_how = delivered_on, by_staff(how, 200)
        mine.reference = reference.strip()[:40] if mine.gift == Gift.MONEY else ""
        if picture is not None:
            mine.photo = files.keep(picture, subject_type="wishes.pledge", subject_id=mine.pk).pk
        s.move(mine, PLEDGE, "deliver", save=("delivered_on", "delivered_how", "reference", "photo"))
        about(s, wish)
        s.record(amount=mine.amount, on=delivered_on.isoformat())
        s.defer(jobs.tell_resident, wish_id=wish.pk, news="wish_arrives")
    return mine


def missing(*, pledge_id: int, by: Actor, at: dt.datetime, reason: str) -> Pledge:
    """The resident says that it has not come, or not all of it: it is promised again, and its giver is told."""
    with step("pledge.missing", by=by, at=at) as s:
        wish, mine = lock_pledge(s, pledge_id)
        own_link(s, wish)
        mine.reminded_at = at
        s.move(mine, PLEDGE, "missing", reason=by_staff(reason), save=("reminded_at",))
        about(s, wish)
        s.defer(jobs.tell_giver, pledge_id=mine.pk, news="pledge_missing")
    return mine


def receive(*, pledge_id: int, by: Actor, at: dt.datetime, word: str) -> Pledge:
    """It arrived, by the resident's word: `word` says how (visit, phone; link when they say so themselves).

    When all that was needed has arrived, the reply goes out and the resident is asked to judge.
    """
    if word not in WORDS_OF or (word == "link") != (by.voice_id is not None):
        raise Invalid(_("Say how the resident told you."), field="word")
    with step("pledge.receive", by=by, at=at) as s:
        wish, mine = lock_pledge(s, pledge_id)
        own_link(s, wish)
        mine.received_at, mine.received_by_id, mine.word = at, by.user_id, word
        s.move(mine, PLEDGE, "receive", word=word, save=("received_at", "received_by", "word"))
        about(s, wish)
        s.record(amount=mine.amount)
        s.defer(jobs.tell_giver, pledge_id=mine.pk, news="pledge_received")
        counted(wish)
        arrived(s, wish)
    return mine


def _fall(s: Step, wish: Wish, mine: Pledge, arrow: str, reason: str) -> None:
    """A promise falls away; the wish rises again. The wish moves first: while it is pledged it is whole."""
    if mine.lap == wish.lap and wish.state == "pledged" and arrow in PLEDGE.arrows:
        follow_up(s, wish, "rise")
    mine.ended_at, mine.end_reason = s.at, reason
    s.move(mine, PLEDGE, arrow, reason=reason, save=("ended_at", "end_reason"))
    about(s, wish)
    s.record(amount=mine.amount)
    counted(wish)


def give_up(*, pledge_id: int, by: Actor, at: dt.datetime, reason: str) -> Pledge:
    """The giver cannot keep it, and says why; others can take it on at once."""
    with step("pledge.give_up", by=by, at=at) as s:
        wish, mine = lock_pledge(s, pledge_id)
        as_giver(s, mine)
        _fall(s, wish, mine, "give_up", by_staff(reason))
    return mine


def release(*, pledge_id: int, by: Actor, at: dt.datetime, reason: str) -> Pledge:
    """The worker (or the rule, after its days) releases a promise that was not kept; the giver is told."""
    with step("pledge.release", by=by, at=at) as s:
        wish, mine = lock_pledge(s, pledge_id)
        if by.system and mine.state != "promised":  # said to be delivered meanwhile: the resident has the word
            raise WrongState
        _fall(s, wish, mine, "release", by_staff(reason))
        s.defer(jobs.tell_giver, pledge_id=mine.pk, news="pledge_released")
    return mine


def reveal(*, pledge_id: int, by: Actor, at: dt.datetime, purpose: str) -> dict[str, str]:
    """Name and number of a giver, for the wish's unit and a stated purpose; the reading is recorded.

    Raises PaperMissing (L-103), NotFound, Forbidden.
    """
    purpose = without_personal(purpose.strip())[:200]
    if not purpose:
        raise PaperMissing(field="purpose", paper=_("what you need it for"))
    with step("pledge.reveal", by=by, at=at) as s:
        wish, mine = lock_pledge(s, pledge_id)
        if mine.unit_id not in by.org_ids(Cap.POST_WISHES):
            raise NotFound if not by.is_staff else Forbidden
        s.require(Cap.POST_WISHES, org_id=mine.unit_id)
        shown = vault.reveal(
            mine.record_id,
            fields=("name", "phone"),
            by=by,
            purpose=purpose,
            at=at,
            about=(SUBJECT, wish.pk),
            org_id=mine.unit_id,
        )
        about(s, wish)
        s.record(mine, reason=purpose, fields=["name", "phone"])
    return shown
