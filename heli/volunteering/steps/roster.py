"""A table of people for a shift: laid down sealed, looked at, then who is chosen is enrolled, each by the one step."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from itertools import islice

from heli.core import laid, vault
from heli.core.actor import SYSTEM, Actor
from heli.core.caps import Cap
from heli.core.errors import Forbidden, HeliError, NotFound, WrongState
from heli.core.steps import step
from heli.core.tables import FileTooLarge
from heli.engines.identifiers import without_personal
from heli.volunteering.exchange_errors import TooManyLines
from heli.volunteering.models import Enrolment, Roster, Shift
from heli.volunteering.models.enrolments import How
from heli.volunteering.queries import roster as queries
from heli.volunteering.states import ROSTER
from heli.volunteering.steps import enrol
from heli.volunteering.steps.people import SUBJECT as VOLUNTEER


def may_name(by: Actor, path: str) -> bool:
    """Whether full names may stand in a list of volunteers of this area."""
    return by.can(Cap.VIEW_PERSONAL, path=path) or by.can(Cap.KEEP_VOLUNTEERS, path=path)


def open_names(*, rows: Sequence[Enrolment], purpose: str, by: Actor, at: dt.datetime) -> dict[int, str]:
    """{volunteer: full name} for a list, opened by the vault one by one: each of them sees who read it, and what for.

    Raises: Forbidden (L-403), PaperMissing: no purpose (L-103).
    """
    with step("roster.names", by=by, at=at) as s:
        for path in {e.area_path for e in rows}:
            if not may_name(by, path):
                raise Forbidden
        people = {e.volunteer_id: e.volunteer for e in rows if e.volunteer.record.erased_at is None}
        names = {
            pk: vault.reveal(v.record_id, fields=("name",), by=by, purpose=purpose, at=at, about=(VOLUNTEER, pk))[
                "name"
            ]
            for pk, v in sorted(people.items())
        }
        s.about(enrol.SUBJECT, rows[0].shift_id if rows else 0, rows[0].area_path if rows else "")
        s.record(names=len(names))
    return names


def lay_roster(*, shift_id: int, name: str, raw: bytes, by: Actor, at: dt.datetime) -> Roster:
    """Lay a table down, sealed, to be looked at; nobody is enrolled yet.

    Raises: NotFound (L-404), Forbidden (L-403), FileUnreadable (L-701), FileTooLarge (L-703), TooManyLines (L-994),
    NoNumbers (L-995).
    """
    if len(raw) > laid.BYTES:
        raise FileTooLarge(limit=laid.BYTES // 2**20)
    rows = len(list(islice(queries.sheet(raw, name).rows, queries.MOST + 1)))
    if rows > queries.MOST:
        raise TooManyLines(most=queries.MOST, field="file")
    with step("roster.lay", by=by, at=at) as s:
        shift = Shift.objects.visible_to(by).select_related("activity").filter(pk=shift_id).first()
        if shift is None:
            raise NotFound
        s.require(Cap.LEAD_TEAM, org_id=shift.activity.org_id)
        made = Roster(
            uid=uuid.uuid4(), org_id=shift.activity.org_id, shift=shift, area_path=shift.activity.area_path,
            name=without_personal(name)[-120:], rows=rows, made_at=at, made_by_id=by.user_id,
        )  # fmt: skip
        made.seal(raw)
        made.save(force_insert=True)
        enrol.about(s, shift)
        s.record(made, rows=rows)
    return made


def take_roster(*, roster_id: int, lines: Collection[int], by: Actor, at: dt.datetime) -> Roster:
    """Enrol those of the chosen lines, each in a transaction of its own: one that cannot be does not keep the others out.
    What became of each line is kept with the table, and its content forgotten. Cut off on the way it is pressed again:
    who was enrolled is there already.

    Raises: NotFound (L-404), Forbidden (L-403), WrongState (L-101): it was taken or thrown away.
    """
    roster = queries.seen(by, roster_id)
    if roster.state != "draft":
        raise WrongState
    if not by.system and not by.can(Cap.LEAD_TEAM, org_id=roster.org_id):
        raise Forbidden
    look = queries.look_at(roster, by=by, at=at)
    taken = known = 0
    for p in look.rows:
        known += p.outcome == "there"
        if not p.open:
            continue
        if p.line not in lines or p.slot is None or p.volunteer is None:
            p.outcome = "left"
            continue
        try:
            (made,) = enrol.enrol(slot_id=p.slot.pk, people=[p.volunteer.pk], by=by, at=at, how=How.IMPORT)
            p.outcome = "enrolled" if made.state == "confirmed" else "waits"
            taken += 1
        except HeliError as error:
            p.refuse(error)
    with step("roster.take", by=by, at=at) as s:
        roster = s.lock(Roster, roster_id)
        roster.results = [p.kept() for p in look.rows]
        roster.save(update_fields=["results"])
        laid.end(s, roster, ROSTER, "finish", at=at, taken=taken, known=known)
        s.record(roster, taken=taken, known=known)
    return roster


def drop_roster(*, roster_id: int, by: Actor, at: dt.datetime) -> Roster:
    """Throw a table away that was not taken. Raises NotFound (L-404), WrongState (L-101)."""
    with step("roster.drop", by=by, at=at) as s:
        roster = s.lock(Roster, roster_id)
        laid.end(s, roster, ROSTER, "drop", at=at)
        s.record(roster)
    return roster


def forget_rosters(*, at: dt.datetime) -> int:
    """Throw away tables that were looked at a day ago and not taken. Returns how many."""
    return laid.forget(Roster, lambda pk: drop_roster(roster_id=pk, by=SYSTEM, at=at), at)
