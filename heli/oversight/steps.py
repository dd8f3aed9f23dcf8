"""Every write about tips. Events say that it happened, never whom it is about: no name, no words, no teller."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from collections.abc import Sequence
from typing import IO

from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from heli.core import files, vault
from heli.core.actor import PUBLIC, SYSTEM, Actor
from heli.core.caps import Cap
from heli.core.errors import AlreadyDone, HeliError, Invalid, PaperMissing, WrongState
from heli.core.models import VaultRecord
from heli.core.steps import Step, step
from heli.engines import grams
from heli.engines.identifiers import new_code, without_personal
from heli.loop.steps.hear import by_staff, checked_text, place_of
from heli.oversight.errors import NothingTold, NotLinked
from heli.oversight.models import Asked, PassedTo, Posing, Tip, TipNote
from heli.oversight.states import TIP
from heli.rulebook import queries as rulebook

SUBJECT = "oversight.tip"
TEXT_LIMIT = 5000
NOTE_LIMIT = 1000
ANSWER_LIMIT = 500
LOOK, KEEP = "tip.look", "tip.keep"
CLOCK = ("rule", "started_at", "due_at", "provisional", "decided_at")
FIELDS = ("name", "phone", "note")


def receive(
    *,
    by: Actor,
    at: dt.datetime,
    area_path: str,
    name: str = "",
    posing: str = Posing.OTHER,
    asked: Sequence[str] = (),
    paid: bool = False,
    text: str = "",
    spot: str = "",
    seen_on: dt.date | None = None,
    photos: Sequence[IO[bytes]] = (),
    teller: str = "",
    phone: str = "",
    form_key: uuid.UUID | None = None,
) -> Tip:
    """Somebody tells of an impostor. The event is nobody's: who told it stands in the vault alone, and only if they
    left something there.

    Args:
        photos: at most six; re-encoded before they are kept.
        by: who tells; only their account is kept, in the vault, and only beside a contact, to see who read it.
        teller, phone: contact; may be empty.

    Raises:
        NothingTold: no photo, no name, no words (L-251). UnknownPlace (L-112). TooLong (L-118). files.* (L-511 … 513).
        AlreadyDone: the same form was sent before (L-104). RuleMissing: no deadline is known here (L-301).
    """
    name = " ".join(name.split())[:80]
    text = checked_text(text, limit=TEXT_LIMIT) if text.strip() else ""
    if not (name or text or photos):
        raise NothingTold(field="name")
    cleaned = [files.clean(p, files.PHOTO) for p in photos]
    whole = "\n".join(x for x in (name, spot.strip(), text) if x)
    shown = without_personal(name), without_personal(spot.strip())[:120], without_personal(text)
    original = whole if "\n".join(x for x in shown if x) != whole else ""
    record = None
    try:
        with step("tip.receive", by=PUBLIC, at=at) as s:
            area, prefix = place_of(area_path)
            if teller or phone or original:
                record = vault.seal(
                    name=teller, phone=phone, note=original, user_id=by.user_id if teller or phone else None
                )
            tip = Tip(
                name=shown[0],
                name_grams=grams.grams(grams.folded(shown[0])),
                posing=posing,
                asked=[a for a in Asked.values if a in set(asked)],
                paid=paid,
                text=shown[2],
                area=area,
                area_path=area.path,
                spot=shown[1],
                seen_on=seen_on,
                record=record,
                contact=bool(phone),
                form_key=form_key,
                told_at=at,
            )
            _start(s, tip)
            _insert(tip, f"{prefix}J")
            if cleaned:
                kept = files.keep_all(cleaned, subject_type=SUBJECT, subject_id=tip.pk)
                tip.photos = [f.pk for f in kept]
                tip.save(update_fields=["photos"])
            s.about(SUBJECT, tip.pk, tip.area_path)
            s.record(tip, posing=posing, asked=tip.asked, paid=paid, photos=len(cleaned), named=bool(name))
            s.event.after = tip.state
    except IntegrityError as error:
        if "form_key" in str(error):
            raise AlreadyDone from error
        raise
    return tip


def _insert(tip: Tip, prefix: str) -> None:
    """Under a code of its own, drawn again when it is taken."""
    for _attempt in range(8):
        tip.code = new_code(prefix, secrets.SystemRandom())
        try:
            with transaction.atomic():
                return tip.save(force_insert=True)
        except IntegrityError as error:
            if "oversight_tip_code" not in str(error):
                raise
    raise HeliError


def _start(s: Step, tip: Tip) -> None:
    """The clock of the first look, by the rule in force there; one statement."""
    rules, calendar = rulebook.with_calendar([LOOK], path=tip.area_path, at=s.at)
    rule = rules[LOOK]
    due = calendar.due(s.at, rule.value["amount"], rule.value["unit"])
    tip.rule_id, tip.started_at, tip.due_at, tip.provisional = rule.id, s.at, due.at, due.provisional
    tip.decided_at = None
    s.rule(rule)


def _end(s: Step, tip: Tip) -> None:
    """It ended: until when it is kept is settled now, by the rule in force."""
    rule = rulebook.in_force([KEEP], path=tip.area_path, on=timezone.localtime(s.at).date())[KEEP]
    tip.ended_at, tip.forget_at = s.at, s.at + dt.timedelta(days=int(rule.value))
    s.rule(rule)


def _locked(s: Step, tip_id: int) -> Tip:
    tip = s.lock(Tip, tip_id)
    s.about(SUBJECT, tip.pk, tip.area_path)
    return tip


def _noted(s: Step, tip: Tip, text: str, kind: str = "note") -> None:
    TipNote.objects.create(tip=tip, at=s.at, user_id=s.by.user_id, kind=kind, text=text)


def look(*, tip_id: int, by: Actor, at: dt.datetime) -> Tip:
    """Somebody takes it up; the teller reads that."""
    with step("tip.look", by=by, at=at) as s:
        tip = _locked(s, tip_id)
        s.move(tip, TIP, "look")
    return tip


def pass_on(*, tip_id: int, by: Actor, at: dt.datetime, to: str, number: str) -> Tip:
    """Handed to the office that looks into it by law; the teller reads to whom and under which number.

    Raises PaperMissing (L-103) without an office or without the number of the paper.
    """
    to, number = to if to in PassedTo.values else "", by_staff(number, 60)
    with step("tip.pass_on", by=by, at=at) as s:
        tip = _locked(s, tip_id)
        tip.passed_to, tip.passed_number, tip.decided_at = to, number, at
        if not to:
            raise PaperMissing(field="to", paper=_("to whom it goes"))
        if not number:
            raise PaperMissing(field="number", paper=_("the number of the paper it went with"))
        s.move(tip, TIP, "pass_on", to=to, number=bool(number), save=("passed_to", "passed_number", "decided_at"))
    return tip


def conclude(*, tip_id: int, by: Actor, at: dt.datetime, found: str, answer: str) -> Tip:
    """What was found, in words for the teller. `found`: genuine, unproven, or closed (the office it went to has
    finished).

    Raises PaperMissing (L-103) without words, WrongState (L-101) where the arrow does not leave.
    """
    arrows = {"genuine": "find_genuine", "unproven": "find_unproven", "closed": "close"}
    if found not in arrows:
        raise Invalid(_("Choose what was found."), field="found")
    answer = by_staff(answer, ANSWER_LIMIT)
    if not answer:
        raise PaperMissing(field="answer", paper=_("what the teller reads"))
    with step(f"tip.{arrows[found]}", by=by, at=at) as s:
        tip = _locked(s, tip_id)
        tip.answer, tip.decided_at = answer, tip.decided_at or at
        _end(s, tip)
        s.move(tip, TIP, arrows[found], answer=True, save=("answer", "decided_at", "ended_at", "forget_at"))
    return tip


def reopen(*, tip_id: int, by: Actor, at: dt.datetime, reason: str) -> Tip:
    """Something new is known: it is looked at once more, with a new clock. WrongState (L-101) once it is forgotten."""
    reason = by_staff(reason, NOTE_LIMIT)
    if not reason:
        raise PaperMissing(field="reason", paper=_("why it is looked at again"))
    with step("tip.reopen", by=by, at=at) as s:
        tip = _locked(s, tip_id)
        if tip.forgotten_at is not None:
            raise WrongState
        # what was decided before stays among the notes: to whom it went, under which number, what the teller read
        to = tip.get_passed_to_display() if tip.passed_to else ""
        before = " · ".join(x for x in (to, tip.passed_number, tip.answer) if x)
        tip.answer, tip.ended_at, tip.forget_at, tip.passed_to, tip.passed_number = "", None, None, "", ""
        _start(s, tip)
        s.move(
            tip, TIP, "reopen", reason=True,
            save=("answer", "ended_at", "forget_at", "passed_to", "passed_number", *CLOCK),
        )  # fmt: skip
        _noted(s, tip, before)
        _noted(s, tip, reason, "reason")
    return tip


def note(*, tip_id: int, by: Actor, at: dt.datetime, text: str) -> None:
    """Something to remember, for those who handle tips. WrongState (L-101) once the tip is forgotten."""
    text = by_staff(text, NOTE_LIMIT)
    if not text:
        raise PaperMissing(field="text", paper=_("a note"))
    with step("tip.note", by=by, at=at) as s:
        tip = _locked(s, tip_id)
        s.require(Cap.HANDLE_TIPS, path=tip.area_path)
        if tip.forgotten_at is not None:
            raise WrongState
        _noted(s, tip, text)
        s.record(tip)


def _alone() -> None:
    """One at a time puts together or takes apart: a group is more rows than the two that are named, and who changes it
    must have seen all of it. Held until the transaction ends; taken before any row."""
    with connection.cursor() as cur:
        cur.execute("SELECT pg_advisory_xact_lock(hashtext('oversight.together'))")


def put_together(*, tip_id: int, other_id: int, by: Actor, at: dt.datetime) -> Tip:
    """Two tips speak of the same; both stay, with their own codes and answers.

    Raises NotLinked (L-252) for a tip and itself, or two that are together.
    """
    if tip_id == other_id:
        raise NotLinked
    with step("tip.link", by=by, at=at) as s:
        _alone()
        locked = {pk: s.lock(Tip, pk) for pk in sorted({tip_id, other_id})}
        tip, other = locked[tip_id], locked[other_id]
        for one in (tip, other):
            s.require(Cap.HANDLE_TIPS, path=one.area_path)
        first = other.same_as_id or other.pk
        own = tip.same_as_id or tip.pk
        if first == own:
            raise NotLinked
        Tip.objects.filter(pk=own).update(same_as_id=first)
        Tip.objects.filter(same_as_id=own).update(same_as_id=first)
        s.about(SUBJECT, tip.pk, tip.area_path)
        s.record(tip, with_tip=other.pk)
    tip.refresh_from_db(fields=["same_as"])
    return tip


def take_apart(*, tip_id: int, by: Actor, at: dt.datetime) -> Tip:
    """It was not the same after all: this one stands by itself again, the others stay together."""
    with step("tip.unlink", by=by, at=at) as s:
        _alone()
        tip = _locked(s, tip_id)
        s.require(Cap.HANDLE_TIPS, path=tip.area_path)
        others = list(Tip.objects.filter(same_as=tip).order_by("pk").values_list("pk", flat=True))
        if tip.same_as_id is None and not others:
            raise NotLinked
        tip.same_as = None
        tip.save(update_fields=["same_as"])
        if others:
            Tip.objects.filter(pk=others[0]).update(same_as=None)
            Tip.objects.filter(pk__in=others[1:]).update(same_as_id=others[0])
        s.record(tip)
    return tip


def reveal(*, tip_id: int, by: Actor, at: dt.datetime, purpose: str) -> dict[str, str]:
    """Who told it, and what was typed whole: {"name", "phone", "note"}; the reading is recorded, the teller sees it.

    Raises PaperMissing (L-103) without a purpose; Invalid (L-400) when there is nothing to read.
    """
    purpose = without_personal(purpose.strip())[:200]
    if not purpose:
        raise PaperMissing(field="purpose", paper=_("what you need it for"))
    with step("tip.reveal", by=by, at=at) as s:
        tip = _locked(s, tip_id)
        s.require(Cap.HANDLE_TIPS, path=tip.area_path)
        if tip.record_id is None or tip.forgotten_at is not None:
            raise Invalid(_("Nobody left a name or a number here."), field="purpose")
        grant = by.grant_for(Cap.HANDLE_TIPS, path=tip.area_path)
        shown = vault.reveal(
            tip.record_id, fields=FIELDS, by=by, purpose=purpose, at=at, about=(SUBJECT, tip.pk),
            org_id=grant.org_id if grant else None,
        )  # fmt: skip
        s.record(tip, reason=purpose, fields=list(FIELDS))
    return shown


def forget(*, tip_id: int, at: dt.datetime) -> bool:
    """The time of keeping is over: contact, words, name, photos and notes go for good. What stays is counted: where and
    when it was told, what kind, what came of it. False when it is not due."""
    with transaction.atomic():
        tip = Tip.objects.select_for_update().filter(pk=tip_id, forgotten_at=None, forget_at__lte=at).first()
        if tip is None:
            return False
        with step("tip.forget", by=SYSTEM, at=at) as s:
            s.about(SUBJECT, tip.pk, tip.area_path)
            s.record(tip, photos=len(tip.photos))
            if tip.record_id is not None:
                vault.erase(VaultRecord.objects.filter(pk=tip.record_id), at)
            files.discard(tip.photos)
            TipNote.objects.filter(tip=tip).delete()
            tip.name, tip.name_grams, tip.text, tip.spot, tip.photos, tip.contact = "", [], "", "", [], False
            tip.seen_on, tip.answer, tip.forgotten_at = None, "–", at
            tip.save(
                update_fields=[
                    "name", "name_grams", "text", "spot", "photos", "contact", "seen_on", "answer", "forgotten_at",
                ]
            )  # fmt: skip
    return True
