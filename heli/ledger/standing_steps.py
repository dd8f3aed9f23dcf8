"""Stars: asked for by the person, put out by one of the area, spoken against by anybody, decided by a second one, given by
the clock. Lock order: the person, then the award (as entries lock the person, no hours change meanwhile)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from django.db import IntegrityError
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core.actor import SYSTEM, Actor
from heli.core.errors import HeliError, Invalid, NotFound, PaperMissing
from heli.core.steps import Step, step
from heli.engines.identifiers import without_personal
from heli.ledger import certificates, standing_queries
from heli.ledger.errors import AskedAlready, BelowStar, NotPutOut, OwnHours, PutOutByYou
from heli.ledger.models import Person
from heli.ledger.standing import reckon
from heli.ledger.standing_models import LIVE, Award, Objection
from heli.ledger.states import AWARD
from heli.rulebook import queries as rulebook

SUBJECT = "ledger.award"
REFUSALS: Final[Mapping[str, type[HeliError]]] = {  # by the name of the constraint
    "award_once": AskedAlready,
    "award_given_once": AskedAlready,
    "award_second_person": PutOutByYou,
    "objection_somebody_else": PutOutByYou,
    "objection_in_time": NotPutOut,
}


@contextmanager
def said(refusals: Mapping[str, type[HeliError]] = REFUSALS) -> Iterator[None]:
    """What the database refuses, as an error a person can act on. The transaction is over then."""
    try:
        yield
    except IntegrityError as error:
        name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""
        if name not in refusals:
            raise
        raise refusals[name] from error


def person_of(by: Actor) -> Person:
    """The person with hours behind an account, locked as entries lock them. NotFound (L-404): they have none."""
    found = Person.objects.select_for_update(no_key=True).filter(user=by.user_id).first() if by.user_id else None
    if found is None:
        raise NotFound
    return found


def words_of(text: str, most: int, field: str, paper: str) -> str:
    """Cleaned of what is personal; PaperMissing (L-103) when nothing is left."""
    found = without_personal(text.strip())[:most]
    if not found:
        raise PaperMissing(field=field, paper=paper)
    return found


def _locked(s: Step, award_id: int) -> Award:
    person = Award.objects.filter(pk=award_id).values_list("person", flat=True).first()
    if person is None:
        raise NotFound
    Person.objects.select_for_update(no_key=True).get(pk=person)
    return s.lock(Award, award_id, related=("person", "row"))


def _looked_at(s: Step, award_id: int) -> Award:
    """By somebody of the area, never by the person themselves."""
    award = _locked(s, award_id)
    if s.by.user_id is not None and award.person.user_id == s.by.user_id:
        raise OwnHours
    return award


def _still_earned(award: Award) -> bool:
    """By the version it was asked for under. One statement."""
    lines = standing_queries.lines([award.person_id], award.area_path)[award.person_id]
    return reckon(lines, award.row.value).minutes >= award.need


# The person -----------------------------------------------------------------------------------------------------------
def ask(*, area_path: str, stars: int, shown: bool, by: Actor, at: dt.datetime) -> Award:
    """For oneself, by the version in force now. `shown`: the masked name stands on the public list; else nobody's does.

    Raises: NotFound (L-404), Invalid (L-400), BelowStar (L-980), AskedAlready (L-981).
    """
    with step("award.ask", by=by, at=at) as s:
        person = person_of(by)
        rule = rulebook.in_force([standing_queries.STARS], path=area_path, on=timezone.localdate(at))
        row = rule[standing_queries.STARS]
        reached = reckon(standing_queries.lines([person.pk], area_path)[person.pk], row.value)
        if not 1 <= stars <= len(reached.need):
            raise Invalid(_("Stars go from one to five."), field="stars")
        if reached.stars < stars:
            raise BelowStar
        record = certificates.record_of(by.user_id or 0) if shown else None
        with said():
            made = Award.objects.create(
                person=person, area_path=area_path, stars=stars, row_id=row.id, need=reached.need[stars - 1],
                minutes=reached.minutes, name_mask=record.name_mask if record is not None else "", asked_at=at,
            )  # fmt: skip
            if Award.objects.filter(person=person, area_path=area_path, state="given", stars__gte=stars).exists():
                raise AskedAlready
        s.rule(row)
        s.about(SUBJECT, made.pk, made.area_path)
        s.record(made, stars=stars)
    return made


def withdraw(*, award_id: int, by: Actor, at: dt.datetime) -> Award:
    """The person does not want them after all; the name leaves the list at once."""
    with step("award.withdraw", by=by, at=at) as s:
        award = _own(s, award_id)
        award.ended_at, award.name_mask = at, ""
        s.move(award, AWARD, "withdraw", save=("ended_at", "name_mask"))
        s.about(SUBJECT, award.pk, award.area_path)
    return award


def answer(*, award_id: int, text: str, by: Actor, at: dt.datetime) -> Award:
    """What the person says to an objection; whoever decides reads it."""
    with step("award.answer", by=by, at=at) as s:
        award = _own(s, award_id)
        if award.state != "objected":
            raise NotFound
        award.said = words_of(text, 300, "text", _("your answer"))
        award.save(update_fields=["said"])
        s.about(SUBJECT, award.pk, award.area_path)
        s.record(award)
    return award


def _own(s: Step, award_id: int) -> Award:
    award = _locked(s, award_id)
    if s.by.user_id is None or award.person.user_id != s.by.user_id:
        raise NotFound
    return award


# The area -------------------------------------------------------------------------------------------------------------
def put_out(*, award_id: int, by: Actor, at: dt.datetime) -> Award:
    """For everybody to see, until a whole last day by rule. Raises: OwnHours (L-908), BelowStar (L-980)."""
    with step("award.put_out", by=by, at=at) as s:
        award = _looked_at(s, award_id)
        if not _still_earned(award):
            raise BelowStar
        key = standing_queries.PUBLICITY
        rules, calendar = rulebook.with_calendar((key,), path=award.area_path, at=at)
        due = calendar.due(at, int(rules[key].value["amount"]), rules[key].value["unit"])
        award.out_at, award.out_by, award.due_rule_id, award.unsure = at, by.user_id, rules[key].id, due.provisional
        award.due_at = timezone.localtime(due.at).replace(hour=0, minute=0, second=0, microsecond=0) + dt.timedelta(
            days=1
        )
        s.move(award, AWARD, "put_out", save=("out_at", "out_by", "due_at", "due_rule", "unsure"))
        s.about(SUBJECT, award.pk, award.area_path)
        s.rule(rules[key])
    return award


def refuse(*, award_id: int, reason: str, by: Actor, at: dt.datetime) -> Award:
    """Not given, and why; the person reads it."""
    return _ended(award_id, "refuse", reason, by=by, at=at)


def take_back(*, award_id: int, reason: str, by: Actor, at: dt.datetime) -> Award:
    """What was given no longer stands on its hours; the person reads why."""
    return _ended(award_id, "take_back", reason, by=by, at=at)


def _ended(award_id: int, name: str, reason: str, *, by: Actor, at: dt.datetime) -> Award:
    with step(f"award.{name}", by=by, at=at) as s:
        award = _looked_at(s, award_id)
        s.allow(award, AWARD.arrows[name].needs, AWARD.arrows[name].scope)
        award.reason = words_of(reason, 200, "reason", _("why"))
        award.ended_at, award.name_mask = at, ""
        s.move(award, AWARD, name, reason=award.reason, save=("reason", "ended_at", "name_mask"))
        s.about(SUBJECT, award.pk, award.area_path)
    return award


# What is said against it ----------------------------------------------------------------------------------------------
def object_to(*, award_id: int, text: str, by: Actor, at: dt.datetime) -> Objection:
    """Anybody, while it is put out. Raises: NotFound (L-404), PaperMissing (L-103), NotPutOut (L-982)."""
    with step("award.object", by=by, at=at) as s, said():
        award = Award.objects.select_for_update(no_key=True).filter(pk=award_id, out_at__isnull=False).first()
        if award is None:
            raise NotFound
        words = words_of(text, 300, "text", _("what is not right"))
        if award.state not in AWARD.arrows["object"].sources:
            raise NotPutOut
        made = Objection.objects.create(award=award, text=words, by_id=by.user_id, at=at)
        s.move(award, AWARD, "object", text=_("an objection"))
        s.about(SUBJECT, award.pk, award.area_path)
        s.record(made)
    return made


def decide(*, award_id: int, upheld: bool, reason: str, by: Actor, at: dt.datetime) -> Award:
    """On all that was said against it, by somebody of the area who neither put it out nor said it: right (the stars are not
    given), or not (they stay out until their last day). Raises: PutOutByYou (L-983), OwnHours (L-908)."""
    with step("award.decide", by=by, at=at) as s, said():
        award = _looked_at(s, award_id)
        s.allow(award, AWARD.arrows["dismiss"].needs, AWARD.arrows["dismiss"].scope)
        words = words_of(reason, 200, "reason", _("why"))
        award.second_by = by.user_id
        if award.second_by == award.out_by:
            raise PutOutByYou
        Objection.objects.filter(award=award, decided_at=None).update(
            upheld=upheld, answer=words, decided_at=at, decided_by=by.user_id
        )
        if upheld:
            award.reason, award.ended_at, award.name_mask = words, at, ""
            s.move(award, AWARD, "uphold", reason=words, save=("second_by", "reason", "ended_at", "name_mask"))
        else:
            s.move(award, AWARD, "dismiss", reason=words, save=("second_by",))
        s.about(SUBJECT, award.pk, award.area_path)
    return award


# The clock ------------------------------------------------------------------------------------------------------------
def give(*, award_id: int, at: dt.datetime) -> Award | None:
    """After the last day, where nothing said against it is open and the hours still reach it; else it waits for a person."""
    with step("award.give", by=SYSTEM, at=at) as s:
        award = _locked(s, award_id)
        s.about(SUBJECT, award.pk, award.area_path)
        if award.state != "public" or award.due_at is None or award.due_at > at or not _still_earned(award):
            s.record(award, waits=True)
            return None
        award.given_at, award.name_mask = at, ""
        s.move(award, AWARD, "give", save=("given_at", "name_mask"))
    return award


def give_due(*, at: dt.datetime) -> int:
    """All whose last day is over; what somebody asked for whose account was closed since falls away, with its name. Harmless
    when run twice. Returns how many were given."""
    for pk in Award.objects.filter(state__in=LIVE, person__user__is_active=False).values_list("pk", flat=True):
        with step("award.fall_away", by=SYSTEM, at=at) as s:
            award = _locked(s, pk)
            award.ended_at, award.name_mask = at, ""
            s.move(award, AWARD, "withdraw", save=("ended_at", "name_mask"))
            s.about(SUBJECT, award.pk, award.area_path)
    due = standing_queries.counted_now(Award.objects.filter(state="public", due_at__lte=at)).filter(now__gte=F("need"))
    return sum(give(award_id=pk, at=at) is not None for pk in due.order_by("pk").values_list("pk", flat=True))
