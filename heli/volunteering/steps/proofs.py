"""Every write about what a volunteer shows or states: skills, record checks, insurance, health, a guardian's consent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import IO

from django.utils.translation import gettext as _

from heli.core import files, vault
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import Forbidden, Invalid, NotFound
from heli.core.steps import Step, step
from heli.loop.clocks import local_day
from heli.rulebook import queries as rulebook
from heli.volunteering.gates import born
from heli.volunteering.models import Proof, ProofKind, Skill, Volunteer
from heli.volunteering.people_errors import NotByOneself
from heli.volunteering.states import PROOF
from heli.volunteering.steps.people import SUBJECT, by_keeper, for_them, forget_record, lock_volunteer, own, said

PAPER = "volunteering.proof"
SHOWN = (ProofKind.SKILL, ProofKind.RECORD_CHECK, ProofKind.INSURANCE)
A_YEAR = dt.timedelta(days=365)
LONGEST = dt.timedelta(days=3660)


def _new(
    s: Step, volunteer: Volunteer, kind: str, days: tuple[dt.date, dt.date], *, how: str = "", state: str = "shown"
) -> Proof:
    first, last = days
    if volunteer.state == "left":
        raise Invalid(_("They left volunteering. They come back first."))
    if last < first:
        raise Invalid(_("The last day lies before the first one."), field="valid_to")
    if last - first > LONGEST:
        raise Invalid(_("Ten years at most: then it is shown again."), field="valid_to")
    proof = Proof(
        volunteer=volunteer, area_path=volunteer.area_path, kind=kind, valid_from=first, valid_to=last, state=state
    )
    proof.how, proof.shown_at, proof.shown_by_id = said(how), s.at, s.by.user_id or volunteer.user_id
    s.record(kind=str(kind), until=last.isoformat())
    return proof


def show(
    *,
    volunteer_id: int,
    kind: str,
    valid_from: dt.date,
    valid_to: dt.date,
    by: Actor,
    at: dt.datetime,
    skill_id: int | None = None,
    level: int = 1,
    how: str = "",
    papers: Sequence[IO[bytes]] = (),
    consent: str = "",
) -> Proof:
    """A skill (with its level), a check of records or an insurance, from a day to a day, with a photo or PDF of the
    paper. Somebody else looks at it; until then only a skill that needs no paper counts, as one's own word. A check of
    records counts no longer than its rule says, whatever is written on it.

    Raises: NotFound (L-404), Forbidden (L-403), PaperMissing: no consent (L-103), Invalid (L-400, with the field),
        and what `files.clean` raises of a file.
    """
    sheets = [files.clean(p, files.PAPER) for p in papers[:1]]
    with step("proof.show", by=by, at=at) as s:
        volunteer = lock_volunteer(s, volunteer_id)
        for_them(s, volunteer, consent)
        if kind not in SHOWN:
            raise Invalid(_("Choose what you show."), field="kind")
        skill = Skill.objects.filter(pk=skill_id).first() if kind == ProofKind.SKILL and skill_id else None
        if kind == ProofKind.SKILL and skill is None:
            raise Invalid(_("Choose the skill."), field="skill")
        if level not in (1, 2, 3):
            raise Invalid(_("Choose how well."), field="level")
        if kind == ProofKind.RECORD_CHECK:
            days = rulebook.in_force(("volunteering.record_check",), path=volunteer.area_path, on=local_day(at))
            rule = days["volunteering.record_check"]
            valid_to = min(valid_to, valid_from + dt.timedelta(days=rule.value))
            s.rule(rule)
        proof = _new(s, volunteer, kind, (valid_from, valid_to), how=how)
        proof.skill, proof.level = skill, level if skill else 1
        proof.save(force_insert=True)
        s.record(proof)
        if sheets:
            proof.paper = files.keep(sheets[0], subject_type=PAPER, subject_id=proof.pk).pk
            proof.save(update_fields=["paper"])
    return proof


def say_well(*, volunteer_id: int, by: Actor, at: dt.datetime, consent: str = "") -> Proof:
    """One's own word of today that one is well enough to serve; it counts as long as the rule says. Nothing about
    health is kept beside the date.

    Raises: NotFound (L-404), Forbidden (L-403), PaperMissing (L-103).
    """
    with step("proof.say_well", by=by, at=at) as s:
        volunteer = lock_volunteer(s, volunteer_id)
        for_them(s, volunteer, consent)
        today = local_day(at)
        rule = rulebook.in_force(("volunteering.health",), path=volunteer.area_path, on=today)["volunteering.health"]
        s.rule(rule)
        for old in _live(volunteer, ProofKind.HEALTH):
            _end(old, s)
        days = (today, today + dt.timedelta(days=rule.value))
        proof = _new(s, volunteer, ProofKind.HEALTH, days, state="confirmed")  # a word, no paper: nobody looks at it
        proof.save(force_insert=True)
        s.record(proof)
    return proof


def _live(volunteer: Volunteer, *kinds: ProofKind) -> list[Proof]:
    held = Proof.objects.filter(volunteer=volunteer, kind__in=kinds, state__in=("shown", "confirmed"))
    return list(held.select_for_update(of=("self",)).order_by("id"))


def _end(proof: Proof, s: Step) -> None:
    """What a newer one takes the place of ends, with an event of its own. Call while holding the volunteer's lock."""
    inner = Step("proof.replaced", s.by, s.at)
    inner.about(SUBJECT, proof.volunteer_id, proof.area_path)
    proof.decided_at = s.at
    inner.move(proof, PROOF, "take_back", save=("decided_at",))
    inner.close()
    if proof.guardian_id is not None:
        forget_record(proof.guardian_id, s.at)


def name_guardian(
    *, volunteer_id: int, name: str, phone: str, by: Actor, at: dt.datetime, consent: str = "", how: str = ""
) -> Proof:
    """Who the guardian is and how to reach them, in the vault; a worker asks them, and confirms. Which consent is
    needed follows from the age today; it counts until they are older than it is for, a year at most.

    Raises: NotFound, Forbidden, PaperMissing; Invalid: no name or number, no age known, or none is needed (L-400).
    """
    with step("proof.name_guardian", by=by, at=at) as s:
        volunteer = lock_volunteer(s, volunteer_id)
        for_them(s, volunteer, consent)
        if not name.strip():
            raise Invalid(_("Write the name of the guardian."), field="name")
        if not phone.strip():
            raise Invalid(_("Write a number on which the guardian can be asked."), field="phone")
        birthday, today = born(volunteer, at), local_day(at)
        if birthday is None:
            raise Invalid(_("Your age is not known. Register with your identity number first."), field="name")
        keys = ("volunteering.age.separate", "volunteering.age.adult")
        rules = rulebook.in_force(keys, path=volunteer.area_path, on=today)
        turns = {key: _turns(birthday, rules[key].value) for key in keys}
        key = next((k for k in keys if today < turns[k]), None)
        if key is None:
            raise Invalid(_("No guardian's consent is needed at this age."), field="name")
        kind = ProofKind.GUARDIAN_UNDER_14 if key == keys[0] else ProofKind.GUARDIAN
        s.rule(rules[key])
        for old in _live(volunteer, ProofKind.GUARDIAN, ProofKind.GUARDIAN_UNDER_14):
            _end(old, s)
        last = min(turns[key] - dt.timedelta(days=1), today + A_YEAR)
        proof = _new(s, volunteer, kind, (today, last), how=how)
        proof.guardian = vault.seal(name=name.strip(), phone=phone, user_id=volunteer.user_id)
        proof.save(force_insert=True)
        s.record(proof)
    return proof


def _turns(birthday: dt.date, years: int) -> dt.date:
    """The day on which somebody turns so old; who was born on 29 February turns it on 1 March in other years."""
    try:
        return birthday.replace(year=birthday.year + years)
    except ValueError:
        return dt.date(birthday.year + years, 3, 1)


# Somebody looks at it -------------------------------------------------------------------------------------------------
def lock_proof(s: Step, proof_id: int) -> Proof:
    """A proof the actor may see, with its volunteer locked first; NotFound (L-404)."""
    volunteer_id = Proof.objects.visible_to(s.by).filter(pk=proof_id).values_list("volunteer_id", flat=True).first()
    if volunteer_id is None:
        raise NotFound
    volunteer = lock_volunteer(s, volunteer_id)
    proof = Proof.objects.select_for_update(of=("self",)).get(pk=proof_id)
    proof.volunteer = volunteer
    s.record(proof, kind=proof.kind)
    return proof


def confirm(*, proof_id: int, by: Actor, at: dt.datetime, how: str = "") -> Proof:
    """A worker, not the volunteer, has looked at it: the paper, the register, or the guardian said yes (`how`).

    Raises: NotFound (L-404), Forbidden (L-403), NotByOneself (L-845), WrongState (L-101); Invalid: a guardian's
        consent without a word of how they gave it (L-400).
    """
    with step("proof.confirm", by=by, at=at) as s:
        proof = lock_proof(s, proof_id)
        by_keeper(s, proof.volunteer)
        if by.user_id is None:
            raise Forbidden  # a person has looked at it
        if proof.guardian_id is not None and not (how.strip() or proof.how):
            raise Invalid(_("Say how the guardian agreed: signed at the office, on the phone."), field="how")
        proof.how = said(how) or proof.how
        proof.decided_at, proof.decided_by_id = at, by.user_id
        s.move(proof, PROOF, "confirm", save=("how", "decided_at", "decided_by"))
    return proof


def refuse(*, proof_id: int, reason: str, by: Actor, at: dt.datetime) -> Proof:
    """It does not show what it should; the volunteer reads why."""
    return _decide("refuse", proof_id, reason, by, at)


def end(*, proof_id: int, reason: str, by: Actor, at: dt.datetime) -> Proof:
    """It counts no more from now on: withdrawn by who gave it, or no longer true."""
    return _decide("end", proof_id, reason, by, at)


def _decide(arrow: str, proof_id: int, reason: str, by: Actor, at: dt.datetime) -> Proof:
    with step(f"proof.{arrow}", by=by, at=at) as s:
        proof = lock_proof(s, proof_id)
        by_keeper(s, proof.volunteer)
        proof.reason, proof.decided_at = said(reason), at
        proof.decided_by_id = by.user_id or proof.decided_by_id
        s.move(proof, PROOF, arrow, save=("reason", "decided_at", "decided_by"), reason=said(reason))
        if proof.guardian_id is not None:
            forget_record(proof.guardian_id, at)
    return proof


def take_back(*, proof_id: int, by: Actor, at: dt.datetime) -> Proof:
    """The volunteer takes back what they showed or said, without a reason: as easy as it was to give."""
    with step("proof.take_back", by=by, at=at) as s:
        proof = lock_proof(s, proof_id)
        own(s, proof.volunteer)
        proof.decided_at = at
        s.move(proof, PROOF, "take_back", save=("decided_at",))
        if proof.guardian_id is not None:
            forget_record(proof.guardian_id, at)
        if proof.paper is not None:
            files.discard([proof.paper])
            proof.paper = None
            proof.save(update_fields=["paper"])
    return proof


def reveal_guardian(*, proof_id: int, purpose: str, by: Actor, at: dt.datetime) -> dict[str, str]:
    """Name and phone of a guardian, to ask them; {field: text}. The volunteer sees who read it.

    Raises: NotFound (L-404), Forbidden (L-403), NotByOneself (L-845), PaperMissing: no purpose (L-103).
    """
    with step("proof.reveal_guardian", by=by, at=at) as s:
        proof = Proof.objects.visible_to(by).select_related("volunteer").filter(pk=proof_id).first()
        if proof is None or proof.guardian_id is None:
            raise NotFound
        s.require(Cap.KEEP_VOLUNTEERS, path=proof.volunteer.area_path)
        if proof.volunteer.user_id == by.user_id:
            raise NotByOneself
        shown = vault.reveal(
            proof.guardian_id, fields=("name", "phone"), by=by, purpose=said(purpose), at=at,
            about=(SUBJECT, proof.volunteer_id),
        )  # fmt: skip
        s.about(SUBJECT, proof.volunteer_id, proof.area_path)
        s.record(proof)
    return shown
