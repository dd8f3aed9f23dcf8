"""The time bank and perks: what lies there is replayed from the entries while the person is locked; what goes out is a line
that is never changed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core import vault
from heli.core.actor import Actor
from heli.core.caps import Cap, Scope
from heli.core.errors import Forbidden, Invalid, NotFound
from heli.core.steps import Step, step
from heli.engines import serial
from heli.ledger import standing_queries
from heli.ledger.errors import (
    CodeNotGood,
    NothingToSettle,
    OwnHours,
    PerkGone,
    PerkNotForYou,
    PerkTakenEnough,
    TooLittleStored,
)
from heli.ledger.models import Person
from heli.ledger.queries import length
from heli.ledger.standing_models import Award, Perk, Spending, Taken, Withdrawal
from heli.ledger.standing_steps import person_of, said, words_of
from heli.ledger.states import GIVER, PERK, SPENDING, TAKEN
from heli.rulebook import queries as rulebook

SPENDING_ABOUT, PERK_ABOUT = "ledger.spending", "ledger.perk"
CODE = 8  # characters of 32: 40 bits, and few tries
REFUSALS: Final = {
    "taken_while_given": PerkGone,
    "taken_stock": PerkGone,
    "taken_yearly": PerkTakenEnough,
    "taken_redeemed_once": CodeNotGood,
    "withdrawal_covered": TooLittleStored,
    "withdrawal_once": TooLittleStored,
}


# The time bank --------------------------------------------------------------------------------------------------------
def ask_to_spend(*, area_path: str, minutes: int, words: str, by: Actor, at: dt.datetime, whom: str = "") -> Spending:
    """Stored minutes for oneself, or for somebody named (`whom`, kept in the vault). `words`: what is needed.

    Raises: NotFound (L-404), Invalid (L-400), PaperMissing (L-103), TooLittleStored (L-988).
    """
    with step("spending.ask", by=by, at=at) as s:
        person = person_of(by)
        if not 1 <= minutes <= 100_000:
            raise Invalid(_("Say how many hours."), field="hours")
        needed = words_of(words, 200, "words", _("what is needed"))
        asked = sum(
            Spending.objects.filter(person=person, area_path=area_path, state="asked").values_list("minutes", flat=True)
        )
        _covered(person, area_path, minutes + asked, at)
        name = whom.strip()[:60]
        record = vault.seal(name=name, user_id=by.user_id) if name else None
        made = Spending.objects.create(
            person=person, area_path=area_path, minutes=minutes, words=needed, record=record, asked_at=at
        )
        s.about(SPENDING_ABOUT, made.pk, area_path)
        s.record(made, minutes=minutes)
    return made


def _covered(person: Person, area_path: str, minutes: int, at: dt.datetime) -> int:
    """What lies there now, at least `minutes` (L-988). The person is locked. Three statements."""
    balance = standing_queries.balance(person.pk, area_path, at)
    if minutes > balance:
        raise TooLittleStored(hours=length(max(0, balance)))
    return balance


def _spending(s: Step, spending_id: int, *, own: bool) -> Spending:
    """The person, then the spending, locked. Its own person, or anybody of the area but them."""
    person = Spending.objects.filter(pk=spending_id).values_list("person", flat=True).first()
    if person is None:
        raise NotFound
    Person.objects.select_for_update(no_key=True).get(pk=person)
    found = s.lock(Spending, spending_id, related=("person",))
    theirs = s.by.user_id is not None and found.person.user_id == s.by.user_id
    if own and not theirs:
        raise NotFound
    if theirs and not own:
        raise OwnHours
    s.about(SPENDING_ABOUT, found.pk, found.area_path)
    return found


def withdraw(*, spending_id: int, by: Actor, at: dt.datetime) -> Spending:
    """The person does not need it any more."""
    with step("spending.withdraw", by=by, at=at) as s:
        found = _spending(s, spending_id, own=True)
        s.move(found, SPENDING, "withdraw")
    return found


def agree(*, spending_id: int, by: Actor, at: dt.datetime) -> Spending:
    """The minutes go out, if they lie there now (L-988); somebody is found to help."""
    with step("spending.agree", by=by, at=at) as s, said(REFUSALS):
        found = _decided(s, spending_id, "agree")
        had = _covered(found.person, found.area_path, found.minutes, at)
        _line(s, found, "spent", found.minutes, had)
    return found


def refuse(*, spending_id: int, reason: str, by: Actor, at: dt.datetime) -> Spending:
    """Not now, and why; the minutes stay where they are."""
    with step("spending.refuse", by=by, at=at) as s:
        return _decided(s, spending_id, "refuse", reason)


def finish(*, spending_id: int, by: Actor, at: dt.datetime) -> Spending:
    """The help was given."""
    with step("spending.finish", by=by, at=at) as s:
        return _decided(s, spending_id, "finish")


def give_back(*, spending_id: int, reason: str, by: Actor, at: dt.datetime) -> Spending:
    """Nobody came: the minutes are put back."""
    with step("spending.give_back", by=by, at=at) as s, said(REFUSALS):
        found = _decided(s, spending_id, "give_back", reason)
        had = standing_queries.balance(found.person_id, found.area_path, at)
        _line(s, found, "returned", -found.minutes, had)
    return found


def open_whom(*, spending_id: int, purpose: str, by: Actor, at: dt.datetime) -> str:
    """The name of whom it is for, for who arranges the help; who asked can see that it was read."""
    with step("spending.open_whom", by=by, at=at) as s:
        found = _spending(s, spending_id, own=False)
        s.require(Cap.REVIEW_HOURS, path=found.area_path)
        if found.record_id is None:
            raise NotFound
        about = (SPENDING_ABOUT, found.pk)
        opened = vault.reveal(found.record_id, fields=("name",), by=by, purpose=purpose, at=at, about=about)
        s.record(found)
    return opened["name"]


def _decided(s: Step, spending_id: int, name: str, reason: str = "") -> Spending:
    found = _spending(s, spending_id, own=False)
    arrow = SPENDING.arrows[name]
    s.allow(found, arrow.needs, arrow.scope)
    papers = {"reason": words_of(reason, 200, "reason", _("why"))} if arrow.papers else {}
    found.reason = papers.get("reason", found.reason)
    found.decided_at, found.decided_by = s.at, s.by.user_id
    s.move(found, SPENDING, name, save=("reason", "decided_at", "decided_by"), **papers)
    return found


def _line(s: Step, of: Spending, why: str, minutes: int, had: int) -> None:
    if s.by.user_id is None:  # a person decides, never the clock
        raise Forbidden
    Withdrawal.objects.create(
        person=of.person, area_path=of.area_path, spending=of, why=why, minutes=minutes, had=had, at=s.at,
        by_id=s.by.user_id, reason=of.reason if why == "returned" else "",
    )  # fmt: skip
    s.record(of, minutes=minutes)


def settle(*, person_id: int, area_path: str, reason: str, by: Actor, at: dt.datetime) -> Withdrawal:
    """An account that a correction took below zero is brought to zero; a person decides so, and says why.

    Raises: Forbidden (L-403), OwnHours (L-908), NothingToSettle (L-989), PaperMissing (L-103).
    """
    with step("bank.settle", by=by, at=at) as s:
        s.require(Cap.REVIEW_HOURS, path=area_path)
        person = Person.objects.select_for_update(no_key=True).filter(pk=person_id).first()
        if person is None or by.user_id is None:
            raise NotFound
        if person.user_id == by.user_id:
            raise OwnHours
        had = standing_queries.balance(person.pk, area_path, at)
        if had >= 0:
            raise NothingToSettle
        made = Withdrawal.objects.create(
            person=person, area_path=area_path, why="settled", minutes=had, had=had, at=at, by_id=by.user_id,
            reason=words_of(reason, 200, "reason", _("why")),
        )  # fmt: skip
        s.about("ledger.withdrawal", made.pk, area_path)
        s.record(made, minutes=had)
    return made


# Perks ----------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What an organisation gives, to whom, how much of it, and when."""

    title: str
    words: str
    stars: int = 0
    stored: int = 0
    yearly: int = 1
    stock: int | None = None
    first_day: dt.date
    last_day: dt.date | None = None


def publish_perk(*, org_id: int, area_path: str, given: Given, by: Actor, at: dt.datetime) -> Perk:
    """By the giver's own people. Raises: Forbidden (L-403), Invalid (L-400), PaperMissing (L-103)."""
    with step("perk.publish", by=by, at=at) as s:
        grants = [by.grant_for(cap, org_id=org_id) for cap, _scope in GIVER]
        mine = [g for g in grants if g is not None]
        if not by.system and not any(area_path.startswith(p[: len(area_path)]) for g in mine for p in g.paths):
            raise Forbidden
        title, words = (
            words_of(given.title, 60, "title", _("what it is")),
            words_of(given.words, 300, "words", _("how it is given")),
        )
        if not (0 <= given.stars <= 5 and (given.stars or given.stored)):
            raise Invalid(_("Say from how many stars, or from how many stored hours."), field="stars")
        if given.last_day is not None and given.last_day < given.first_day:
            raise Invalid(_("The last day is not before the first."), field="last_day")
        made = Perk.objects.create(
            org_id=org_id, area_path=area_path, title=title, words=words, stars=given.stars, stored=given.stored,
            yearly=given.yearly, stock=given.stock, first_day=given.first_day, last_day=given.last_day, made_at=at,
        )  # fmt: skip
        s.about(PERK_ABOUT, made.pk, area_path)
        s.record(made)
    return made


def end_perk(*, perk_id: int, reason: str, by: Actor, at: dt.datetime) -> Perk:
    """No more are taken; codes that somebody has still hold."""
    with step("perk.end", by=by, at=at) as s:
        perk = s.lock(Perk, perk_id)
        if not gives(by, perk) and not by.can(Cap.REVIEW_HOURS, path=perk.area_path):
            raise NotFound  # everybody reads it; of another's desk it is no part
        s.allow(perk, PERK.arrows["end"].needs, PERK.arrows["end"].scope, *GIVER)
        perk.reason, perk.ended_at = words_of(reason, 200, "reason", _("why")), at
        s.move(perk, PERK, "end", reason=perk.reason, save=("reason", "ended_at"))
        s.about(PERK_ABOUT, perk.pk, perk.area_path)
    return perk


def take(*, perk_id: int, by: Actor, at: dt.datetime) -> Taken:
    """A code for oneself. The database counts once more what is left.

    Raises: NotFound (L-404), PerkNotForYou (L-984), PerkGone (L-985), PerkTakenEnough (L-986).
    """
    with step("perk.take", by=by, at=at) as s, said(REFUSALS):
        person = person_of(by)
        perk = Perk.objects.filter(pk=perk_id).first()
        if perk is None:
            raise NotFound
        given = Award.objects.filter(person=person, area_path=perk.area_path, state="given", stars__gte=perk.stars)
        if perk.stars and not given.exists():
            raise PerkNotForYou
        if perk.stored and standing_queries.balance(person.pk, perk.area_path, at) < perk.stored * 60:
            raise PerkNotForYou
        key = standing_queries.CODE_DAYS
        rule = rulebook.in_force([key], path=perk.area_path, on=timezone.localdate(at))[key]
        made = Taken.objects.create(
            perk=perk, person=person, code=serial.some(CODE), taken_at=at, until=at + dt.timedelta(days=rule.value)
        )
        s.rule(rule)
        s.about(PERK_ABOUT, perk.pk, perk.area_path)
        s.record(made)
    return made


def redeem(*, typed: str, by: Actor, at: dt.datetime) -> Taken:
    """The giver's people hand it over, once. Raises CodeNotGood (L-987) without saying which of its reasons it is."""
    with step("perk.redeem", by=by, at=at) as s, said(REFUSALS):
        found = (
            Taken.objects.select_for_update(of=("self",))
            .select_related("perk__org")
            .filter(code=serial.read(typed))
            .first()
        )
        if found is None or found.state != "taken" or found.until < at or not gives(by, found.perk):
            raise CodeNotGood(field="code")
        found.redeemed_at, found.redeemed_by = at, by.user_id
        s.move(found, TAKEN, "redeem", save=("redeemed_at", "redeemed_by"))
        s.about(PERK_ABOUT, found.perk_id, found.perk.area_path)
    return found


def gives(by: Actor, perk: Perk) -> bool:
    """Whether somebody acts for who gives it."""
    return any(by.may(cap, Scope.OWN_UNIT, path=None, org_id=perk.org_id) for cap, _scope in GIVER)
