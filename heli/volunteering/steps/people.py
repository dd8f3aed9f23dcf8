"""Every write about volunteers: registering, the check of the name, what they can and do not do, leaving, coming back.

Lock order: the account, the volunteer, then a proof, a wish to join a team, or the slots of places given back.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from heli.adapters import realname
from heli.core import vault
from heli.core.actor import SYSTEM, Actor
from heli.core.caps import Cap
from heli.core.errors import Forbidden, Invalid, NotFound, PaperMissing, WrongState
from heli.core.fields import wrong
from heli.core.models import VaultRecord
from heli.core.steps import Step, step
from heli.engines.identifiers import BadIdentifier, fold, resident_id, without_personal
from heli.loop.clocks import local_day
from heli.people import queries as people
from heli.people import steps as accounts
from heli.people.models import User
from heli.places.models import Area
from heli.volunteering.models import Field, Identity, Limit, Skill, Volunteer
from heli.volunteering.models.people import PARTS
from heli.volunteering.people_errors import CardDiffers, NamesDiffer, NotByOneself, NumberTaken, RegisteredAlready
from heli.volunteering.states import VOLUNTEER

SUBJECT = "volunteering.volunteer"
SKILLS = Path(__file__).parents[1] / "data" / "skills.yaml"
LAST = 6  # characters of the number that a worker types from the card


def said(text: str, most: int = 200) -> str:
    """What somebody wrote, without numbers of people in it."""
    return without_personal(text.strip())[:most]


# What the steps share -------------------------------------------------------------------------------------------------
def lock_volunteer(s: Step, volunteer_id: int) -> Volunteer:
    """A volunteer the actor may see, locked; NotFound (L-404)."""
    found: Volunteer = s.lock(Volunteer, volunteer_id, related=("record",))
    about(s, found)
    return found


def about(s: Step, volunteer: Volunteer) -> None:
    s.about(SUBJECT, volunteer.pk, volunteer.area_path)
    s.record(volunteer)


def own(s: Step, volunteer: Volunteer) -> None:
    """Forbidden (L-403) unless the actor is this volunteer."""
    if not s.by.system and volunteer.user_id != s.by.user_id:
        raise Forbidden


def by_keeper(s: Step, volunteer: Volunteer) -> None:
    """Forbidden (L-403) unless the actor keeps the volunteers there; NotByOneself (L-845) for one's own."""
    s.require(Cap.KEEP_VOLUNTEERS, path=volunteer.area_path)
    if volunteer.user_id == s.by.user_id:
        raise NotByOneself


def for_them(s: Step, volunteer: Volunteer, consent: str) -> None:
    """The volunteer, or a worker at their word: then how they said yes is a paper of the step (L-103)."""
    if s.by.system or volunteer.user_id == s.by.user_id:
        return
    by_keeper(s, volunteer)
    if not consent.strip():
        raise PaperMissing(field="consent", paper=_("how they said yes"))
    s.record(consent=said(consent))


# Registering ----------------------------------------------------------------------------------------------------------
def register(
    *,
    by: Actor,
    at: dt.datetime,
    area_path: str,
    name: str,
    id_number: str,
    fields: Sequence[str] = (),
) -> Volunteer:
    """One's own account becomes a volunteer. Name, number and the account's phone go to the vault. Where the check of
    names decides by itself they are verified at once; otherwise a worker looks at the card.

    Raises:
        Forbidden: nobody is logged in (L-403). Invalid: name, number, area or a field (L-400, with the field).
        RegisteredAlready (L-841). NumberTaken: another account has this number (L-842). NamesDiffer (L-844).
    """
    with step("volunteer.register", by=by, at=at) as s:
        if by.user_id is None:
            raise Forbidden
        user = User.objects.select_for_update(of=("self",)).select_related("record").get(pk=by.user_id)
        phone = vault.derive(user.record, "phone", lambda text: text) if user.record is not None else ""
        return _register(s, user, area_path=area_path, name=name, number=id_number, phone=phone, fields=fields)


def register_for(
    *,
    by: Actor,
    at: dt.datetime,
    area_path: str,
    name: str,
    id_number: str,
    consent: str,
    phone: str = "",
    fields: Sequence[str] = (),
    seen_card: bool = False,
) -> Volunteer:
    """A worker registers somebody who stands at the counter or is on the phone, at their word (`consent`: how they
    said yes). Whoever has proved the number has that account; otherwise one is opened that no password lets in. They
    are told by text message and call. With `seen_card` the worker has looked at the card: they are verified.

    Raises: as `register`; Forbidden: not the worker's area (L-403). PaperMissing: no consent (L-103).
    """
    with step("volunteer.register_for", by=by, at=at) as s:
        s.require(Cap.KEEP_VOLUNTEERS, path=area_path)
        if not consent.strip():
            raise PaperMissing(field="consent", paper=_("how they said yes"))
        known = people.by_phone(phone) if phone else None
        if known is None:
            known = accounts.register(by=by, at=at, call_name=name.strip()[:40], name=name.strip(), phone=phone)
        user = User.objects.select_for_update().get(pk=known.pk)
        if user.pk == by.user_id:
            raise NotByOneself
        made = _register(
            s, user, area_path=area_path, name=name, number=id_number, phone=phone, fields=fields, by_phone=True
        )
        s.record(consent=said(consent))
        if seen_card and made.state == "registered":
            _verify(Step("volunteer.verify", by, at), made, realname.check().how)
    return made


def _register(
    s: Step,
    user: User,
    *,
    area_path: str,
    name: str,
    number: str,
    phone: str,
    fields: Sequence[str],
    by_phone: bool = False,
) -> Volunteer:
    area = Area.objects.filter(path=area_path, valid_to=None).first()
    if area is None:
        raise Invalid(_("Choose the street and community."), field="area")
    number = checked(name, number, s.at)
    if Volunteer.objects.filter(user=user).exists():
        raise RegisteredAlready
    record = vault.seal(name=name.strip(), phone=phone, id_number=number, user_id=user.pk)
    made = Volunteer(user=user, record=record, area=area, area_path=area.path, by_phone=by_phone)
    made.number, made.fields, made.registered_at = accounts.made_up(10), known(fields, Field.values, "fields"), s.at
    made.save(force_insert=True)
    _mark(made, number)
    about(s, made)
    if realname.check().decides:
        _verify(Step("volunteer.verify", SYSTEM, s.at), made, realname.check().how)
    return made


def checked(name: str, number: str, at: dt.datetime) -> str:
    """The identity number as 18 characters, when it and the name can belong together; Invalid (L-400), NamesDiffer
    (L-844)."""
    if not name.strip():
        raise Invalid(_("Write the name that stands on the identity card."), field="name")
    try:
        number = resident_id(number, on=local_day(at)).number
    except BadIdentifier as error:
        raise Invalid(wrong(error), field="id_number") from error
    if not realname.check().same(name.strip(), number):
        raise NamesDiffer(field="id_number")
    return number


def _mark(volunteer: Volunteer, number: str) -> None:
    """One number registers once: NumberTaken (L-842)."""
    try:
        with transaction.atomic():
            Identity.objects.update_or_create(volunteer=volunteer, defaults={"mark": vault.blind("id", number)})
    except IntegrityError as error:
        raise NumberTaken(field="id_number") from error


def known(chosen: Iterable[Any], of: Sequence[Any], field: str) -> list[Any]:
    """What was chosen, once each, in the order of what there is; Invalid (L-400) for something else."""
    picked = set(chosen)
    if not picked <= set(of):
        raise Invalid(_("One of these choices does not exist. Look at them once more."), field=field)
    return [value for value in of if value in picked]


def _verify(inner: Step, volunteer: Volunteer, how: str) -> None:
    """An event of its own within a step. Call while holding the volunteer's lock, or having made it."""
    _to_verified(inner, volunteer, how)
    inner.close()


def _to_verified(s: Step, volunteer: Volunteer, how: str) -> None:
    volunteer.verified_at, volunteer.verified_how = s.at, how
    s.move(volunteer, VOLUNTEER, "verify", save=("verified_at", "verified_how"))
    about(s, volunteer)
    s.record(how=how)


def correct(
    *, volunteer_id: int, name: str, id_number: str, by: Actor, at: dt.datetime, consent: str = ""
) -> Volunteer:
    """The name or the number was mistyped; only while it has not been checked.

    Raises: as `register`; WrongState: it was checked (L-101). PaperMissing: by a worker without consent (L-103).
    """
    with step("volunteer.correct", by=by, at=at) as s:
        volunteer = lock_volunteer(s, volunteer_id)
        for_them(s, volunteer, consent)
        if volunteer.state != "registered":
            raise WrongState
        number = checked(name, id_number, at)
        record = VaultRecord.objects.select_for_update().get(pk=volunteer.record_id)
        vault.fill(record, name=name.strip(), id_number=number)
        record.save()
        volunteer.record = record
        _mark(volunteer, number)
    return volunteer


# The name -------------------------------------------------------------------------------------------------------------
def verify(*, volunteer_id: int, name: str, last: str, by: Actor, at: dt.datetime) -> Volunteer:
    """A worker holds the card: they type the name and the last six characters of the number, and both must be what
    was registered. So nothing is shown to somebody who has no card in their hand.

    Raises: NotFound (L-404), NotByOneself (L-845), WrongState (L-101), CardDiffers (L-843), NamesDiffer (L-844).
    """
    with step("volunteer.verify", by=by, at=at) as s:
        volunteer = lock_volunteer(s, volunteer_id)
        by_keeper(s, volunteer)
        check = realname.check()
        kept = vault.derive(volunteer.record, "name", lambda text: text)
        number = vault.derive(volunteer.record, "id_number", lambda text: text)
        if len(fold(last)) != LAST or not number.endswith(fold(last)) or kept != name.strip():
            raise CardDiffers(field="last")
        if not check.same(kept, number):
            raise NamesDiffer(field="last")
        _to_verified(s, volunteer, check.how)
    return volunteer


def doubt(*, volunteer_id: int, reason: str, by: Actor, at: dt.datetime) -> Volunteer:
    """The identity was not theirs: until it is checked again no gate opens, and no certificate is made."""
    return _by_keeper("doubt", volunteer_id, by, at, reason=reason)


def pause(*, volunteer_id: int, reason: str, by: Actor, at: dt.datetime) -> Volunteer:
    """They serve in nothing until it is taken back; the person reads why."""
    return _by_keeper("pause", volunteer_id, by, at, reason=reason)


def resume(*, volunteer_id: int, by: Actor, at: dt.datetime) -> Volunteer:
    """The pause ends; the name is checked once more."""
    return _by_keeper("resume", volunteer_id, by, at)


def _by_keeper(arrow: str, volunteer_id: int, by: Actor, at: dt.datetime, reason: str = "") -> Volunteer:
    with step(f"volunteer.{arrow}", by=by, at=at) as s:
        volunteer = lock_volunteer(s, volunteer_id)
        by_keeper(s, volunteer)
        volunteer.end_reason = said(reason)
        if VOLUNTEER.arrows[arrow].target == "registered":
            volunteer.verified_at, volunteer.verified_how = None, ""
        save = ("end_reason", "verified_at", "verified_how")
        s.move(volunteer, VOLUNTEER, arrow, save=save, **({"reason": said(reason)} if reason else {}))
    return volunteer


def change(
    *,
    volunteer_id: int,
    by: Actor,
    at: dt.datetime,
    fields: Sequence[str],
    free: Sequence[int],
    limits: Sequence[str],
    most_minutes: int | None = None,
    reach: int | None = None,
    by_phone: bool = False,
    consent: str = "",
) -> Volunteer:
    """What they like to do, when they can, what they do not do, for how long (minutes), how far (metres). Themselves,
    or a worker at their word.

    Raises: NotFound (L-404), Forbidden (L-403), PaperMissing (L-103), Invalid (L-400, with the field).
    """
    with step("volunteer.change", by=by, at=at) as s:
        volunteer = lock_volunteer(s, volunteer_id)
        for_them(s, volunteer, consent)
        volunteer.fields = known(fields, Field.values, "fields")
        volunteer.free = known(free, range(PARTS), "free")
        volunteer.limits = known(limits, Limit.values, "limits")
        if most_minutes is not None and not 15 <= most_minutes <= 1440:
            raise Invalid(_("A shift takes between 15 minutes and a day."), field="most_minutes")
        if reach is not None and not 100 <= reach <= 200_000:
            raise Invalid(_("Between 100 metres and 200 kilometres."), field="reach")
        volunteer.most_minutes, volunteer.reach, volunteer.by_phone = most_minutes, reach, by_phone
        volunteer.save(update_fields=["fields", "free", "limits", "most_minutes", "reach", "by_phone"])
    return volunteer


# Leaving and coming back ----------------------------------------------------------------------------------------------
def leave(*, volunteer_id: int, by: Actor, at: dt.datetime, reason: str = "") -> Volunteer:
    """They stop; teams are left, questions to teams taken back, places to come given to the next in line. What they served
    stays recorded. No reason is asked."""
    with step("volunteer.leave", by=by, at=at) as s:
        volunteer = lock_volunteer(s, volunteer_id)
        own(s, volunteer)
        _leave(s, volunteer, reason)
    return volunteer


def _leave(s: Step, volunteer: Volunteer, reason: str) -> None:
    from heli.volunteering.steps.enrol import give_back
    from heli.volunteering.steps.exchange import end_sharing
    from heli.volunteering.steps.teams import leave_all

    volunteer.ended_at, volunteer.end_reason = s.at, said(reason)
    s.move(volunteer, VOLUNTEER, "leave", save=("ended_at", "end_reason"))
    leave_all(volunteer, s.at)
    give_back(s, volunteer, _("Has stopped volunteering."))
    end_sharing(s, volunteer)


def come_back(*, volunteer_id: int, by: Actor, at: dt.datetime) -> Volunteer:
    """They are registered again; the name is checked once more."""
    with step("volunteer.return", by=by, at=at) as s:
        volunteer = lock_volunteer(s, volunteer_id)
        own(s, volunteer)
        volunteer.ended_at, volunteer.end_reason = None, ""
        volunteer.verified_at, volunteer.verified_how = None, ""
        s.move(volunteer, VOLUNTEER, "return", save=("ended_at", "end_reason", "verified_at", "verified_how"))
    return volunteer


def account_closes(*, user_id: int, by: Actor, at: dt.datetime) -> None:
    """With the account the volunteer ends, and the mark of their identity number is gone; the vault erases the rest.
    Called by people/elsewhere.py inside that step."""
    volunteer = Volunteer.objects.filter(user=user_id).select_for_update(of=("self",), no_key=True).first()
    if volunteer is None:
        return
    from heli.volunteering.steps.exchange import forget_sent

    Identity.objects.filter(volunteer=volunteer).delete()
    forget_sent(volunteer)
    if volunteer.state != "left":
        with step("volunteer.leave", by=by, at=at) as s:
            about(s, volunteer)
            _leave(s, volunteer, "")


def reveal(*, volunteer_id: int, what: Sequence[str], purpose: str, by: Actor, at: dt.datetime) -> dict[str, str]:
    """Name and phone (never the identity number) for a stated purpose; the volunteer sees who read it.

    Raises: NotFound (L-404), Forbidden (L-403), PaperMissing: no purpose (L-103).
    """
    with step("volunteer.reveal", by=by, at=at) as s:
        volunteer = Volunteer.objects.visible_to(by).filter(pk=volunteer_id).first()
        if volunteer is None:
            raise NotFound
        s.require(Cap.KEEP_VOLUNTEERS, path=volunteer.area_path)
        fields = [f for f in ("name", "phone") if f in what]
        shown = vault.reveal(
            volunteer.record_id, fields=fields, by=by, purpose=said(purpose), at=at, about=(SUBJECT, volunteer.pk)
        )
        about(s, volunteer)
        s.record(fields=fields)
    return shown


# Skills ---------------------------------------------------------------------------------------------------------------
def import_skills(*, at: dt.datetime, source: Path = SKILLS) -> list[str]:
    """Bring the skills to what the file says; those it does not name stay. Returns the keys that changed.

    Raises: ValueError: a skill covers one that the file does not name.
    """
    wanted: dict[str, dict[str, Any]] = yaml.safe_load(source.read_text())
    rows = {
        key: {
            "name": row["name"], "name_en": row.get("en", ""), "kind": row.get("kind", "skill"),
            "needs_paper": bool(row.get("paper", row.get("kind", "skill") != "skill")),
        }
        for key, row in wanted.items()
    }  # fmt: skip
    if strange := {c for row in wanted.values() for c in row.get("covers", ())} - rows.keys():
        raise ValueError(f"skills are covered that the file does not name: {', '.join(sorted(strange))}")
    had = {s.key: s for s in Skill.objects.filter(key__in=rows).prefetch_related("covers")}
    changed = [
        key for key, row in rows.items()
        if key not in had
        or any(getattr(had[key], f) != v for f, v in row.items())
        or {c.key for c in had[key].covers.all()} != set(wanted[key].get("covers", ()))
    ]  # fmt: skip
    if changed:
        with step("volunteer.import_skills", by=SYSTEM, at=at) as s:
            for key in changed:
                Skill.objects.update_or_create(key=key, defaults=rows[key])
            ids = dict(Skill.objects.filter(key__in=rows).values_list("key", "pk"))
            for key in changed:
                Skill.objects.get(pk=ids[key]).covers.set([ids[c] for c in wanted[key].get("covers", ())])
            s.about("volunteering.skill", 0, "")
            s.record(skills=changed)
    return changed


def forget_record(record_id: int, at: dt.datetime) -> None:
    """A guardian's name and number are erased when their consent ends. Call inside a step."""
    vault.erase(VaultRecord.objects.filter(pk=record_id), at)
