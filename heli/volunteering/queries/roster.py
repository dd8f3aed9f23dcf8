"""Who stands in a shift, as a table that goes out and comes back in the same layout."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override, pgettext_lazy

from heli.core import tables
from heli.core.actor import Actor
from heli.core.errors import HeliError, NotFound
from heli.core.export import Column
from heli.core.tables import FORMULA, Headings
from heli.ledger.models import Service
from heli.loop.importing import read_time
from heli.volunteering import exchange_errors as errors
from heli.volunteering import gates
from heli.volunteering.errors import NoSuchVolunteer, NotEligible, TwoPlaces
from heli.volunteering.models import Enrolment, Roster, Shift, Slot, Volunteer
from heli.volunteering.models.enrolments import How
from heli.volunteering.queries.enrol import CHIPS
from heli.volunteering.states import HOLDING, LIVE
from heli.volunteering.steps.attend import SOURCE
from heli.volunteering.steps.enrol import free, open_for

Words = str | Promise
MOST = 500  # rows of one table: as many as a role has places at most

# What its columns may be called when it comes back, the surest names first.
HEADINGS: Headings = {
    "number": ("志愿者编号", "volunteer number", "志愿者号", "编号", "number"),
    "name": ("姓名", "name"),
    "role": ("岗位", "role"),
    "starts": ("班次开始", "shift begins", "开始", "begins"),
    "ends": ("班次结束", "shift ends", "结束", "ends"),
    "state": ("状态", "state"),
    "note": ("备注", "note"),
}


# Out ------------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Line:
    """One place as a row of the table. `name`: opened for who may, else masked."""

    e: Enrolment
    service: Service | None
    name: str

    @property
    def planned(self) -> int:
        if self.service is not None and self.service.planned is not None:
            return self.service.planned
        return int((self.e.ends - self.e.starts).total_seconds() // 60)


def places(actor: Actor, *, shift_id: int | None = None, activity_id: int | None = None) -> list[Enrolment]:
    """All places of a shift, or of all shifts of an activity, in the order of the table. One statement."""
    rows = Enrolment.objects.visible_to(actor).select_related("volunteer__record", "slot__role")
    rows = rows.filter(shift=shift_id) if shift_id is not None else rows.filter(shift__activity=activity_id)
    return list(rows.order_by("starts", "shift_id", "slot_id", "id"))


def lines(rows: Sequence[Enrolment], names: Mapping[int, str] | None = None) -> list[Line]:
    """With what the ledger has of them. One statement. `names`: {volunteer: name} of those that were opened."""
    found = Service.objects.filter(source_type=SOURCE, source_id__in=[e.pk for e in rows])
    services = {s.source_id: s for s in found}
    opened = names or {}
    return [Line(e, services.get(e.pk), opened.get(e.volunteer_id, e.volunteer.record.name_mask)) for e in rows]


def columns() -> Sequence[Column[Line]]:
    """The layout: an import takes it as it is."""
    return [
        (_("Volunteer number"), lambda x: x.e.volunteer.number),
        (pgettext_lazy("roster", "Name"), lambda x: x.name),
        (pgettext_lazy("shift", "Role"), lambda x: x.e.slot.role.name),
        (_("Shift begins"), lambda x: x.e.starts),
        (_("Shift ends"), lambda x: x.e.ends),
        (_("State"), lambda x: str(CHIPS[x.e.state][1])),
        (_("Minutes planned"), lambda x: x.planned),
        (_("Minutes checked in"), lambda x: x.service.checked if x.service else None),
        (_("Minutes approved"), lambda x: x.service.credited if x.service else None),
        (pgettext_lazy("roster", "Note"), lambda x: x.e.reason),
    ]


# In -------------------------------------------------------------------------------------------------------------------
OUTCOMES: Mapping[str, tuple[str, Words]] = {
    "enrol": ("you", pgettext_lazy("roster", "would get a place")),
    "wait": ("soon", pgettext_lazy("roster", "would wait for a place")),
    "enrolled": ("done", pgettext_lazy("roster", "has a place now")),
    "waits": ("doing", pgettext_lazy("roster", "waits for a place")),
    "there": ("", pgettext_lazy("roster", "on the list already")),
    "left": ("", pgettext_lazy("roster", "left as it is")),
    "refused": ("late", pgettext_lazy("roster", "not possible")),
}
TO_TAKE = ("enrol", "wait")


@dataclass(slots=True)
class Proposal:
    """What would come of one row."""

    line: int
    number: str
    role: str
    outcome: str
    code: str = ""
    words: str = ""
    slot: Slot | None = None
    volunteer: Volunteer | None = None

    @property
    def chip(self) -> tuple[str, Words]:
        return OUTCOMES[self.outcome]

    @property
    def open(self) -> bool:
        return self.outcome in TO_TAKE

    def refuse(self, error: HeliError) -> None:
        self.outcome, self.code, self.words = "refused", error.code, str(error.words)

    def kept(self) -> list[Any]:
        """As it is written down once it was taken."""
        return [self.line, self.number, self.role, self.outcome, self.code, self.words]


@dataclass(slots=True)
class Look:
    """What a table would come to."""

    rows: list[Proposal] = field(default_factory=list)
    wrong: str = ""

    @property
    def chosen(self) -> list[Proposal]:
        return [p for p in self.rows if p.open]


def sheet(raw: bytes, name: str) -> tables.Table:
    """The table opened. Raises FileUnreadable (L-701), NoNumbers (L-995)."""
    found = tables.open_sheet(io.BytesIO(raw), name, HEADINGS)
    if "number" not in tables.guess(found.columns, HEADINGS):
        raise errors.NoNumbers(field="file")
    return found


def words_of_states() -> dict[str, str]:
    """{word in a cell: state}, in both languages. It may have been exported by somebody with the other one."""
    found: dict[str, str] = {}
    for language, _said in settings.LANGUAGES:
        with override(language):
            found |= {str(said).lower(): state for state, (_look, said) in CHIPS.items()}
    return found


def look_at(roster: Roster, *, by: Actor, at: dt.datetime) -> Look:
    """Each row with what would come of it, if all were taken now. Nothing is written.

    Statements: 5, and 7 for each role of the shift, whatever the number of rows.
    """
    try:
        found = sheet(roster.opened(), roster.name)
        given = list(islice(found.rows, MOST + 1))
    except HeliError as error:
        return Look(wrong=str(error.words))
    named = tables.guess(found.columns, HEADINGS)
    read = [(row.line, {f: row.get(c, "") for f, c in named.items()}) for row in given]
    shift = Shift.objects.visible_to(by).select_related("activity").get(pk=roster.shift_id)
    slots = list(Slot.objects.filter(shift=shift).select_related("role").order_by("id"))
    for slot in slots:
        slot.shift = shift
    numbers = {v["number"].strip().upper() for _line, v in read}
    people = {v.number: v for v in Volunteer.objects.select_related("record").filter(number__in=numbers)}
    live = set(Enrolment.objects.filter(shift=shift, state__in=LIVE).values_list("volunteer_id", flat=True))
    known = _Known(shift, slots, people, words_of_states(), live)
    look, first = Look(), dict[str, int]()
    for line, values in read:
        p = Proposal(line, values["number"].strip().upper()[:20], values.get("role", "")[:80], "enrol")
        look.rows.append(p)
        try:
            known.read(p, values)
            if p.number in first and p.outcome != "left":
                raise errors.TwiceInTable(line=first[p.number])
        except HeliError as error:
            p.refuse(error)
        if p.outcome != "left":
            first.setdefault(p.number, line)
    for slot in slots:
        _weigh(slot, [p for p in look.rows if p.open and p.slot is slot], at)
    return look


@dataclass(frozen=True, slots=True)
class _Known:
    """What rows are read against."""

    shift: Shift
    slots: Sequence[Slot]
    people: Mapping[str, Volunteer]
    states: Mapping[str, str]
    live: Collection[int]  # volunteers on the list already

    def read(self, p: Proposal, values: Mapping[str, str]) -> None:
        """Whom a row means, for which role, and whether there is anything to do."""
        if FORMULA in (p.number, p.role) or not p.number:
            raise NoSuchVolunteer
        if values.get("starts") and not _same_start(values["starts"], self.shift):
            p.outcome, p.words = "left", _now("It is of another shift.")
            return
        p.volunteer = self.people.get(p.number)
        if p.volunteer is not None and p.volunteer.pk in self.live:
            p.outcome = "there"
            return
        said = values.get("state", "").strip()
        state = self.states.get(said.lower())
        if said and state is None:
            raise errors.StateUnknown
        if state not in {None, "confirmed"}:
            p.outcome, p.words = "left", _now("The table says: %(state)s.") % {"state": said}
            return
        if p.volunteer is None:
            raise NoSuchVolunteer
        fits = [s for s in self.slots if s.role.name.strip().lower() == p.role.strip().lower()]
        if not p.role and len(self.slots) == 1:
            fits = list(self.slots)
        if len(fits) != 1:
            raise errors.RoleUnknown(roles="、".join(s.role.name for s in self.slots))
        p.slot, p.role = fits[0], fits[0].role.name


def _same_start(text: str, shift: Shift) -> bool:
    try:
        return abs(read_time(text) - shift.starts) < dt.timedelta(minutes=1)
    except (ValueError, OverflowError):
        return False


def _weigh(slot: Slot, rows: Sequence[Proposal], at: dt.datetime) -> None:
    """Who of these may, and for how many there is a place. The step asks all of it again."""
    if not rows:
        return
    people = [p.volunteer for p in rows if p.volunteer is not None]
    try:
        open_for(slot, How.IMPORT, at)
    except HeliError as error:
        for p in rows:
            p.refuse(error)
        return
    missing = gates.refusals(people, slot, at=at)
    ids = [v.pk for v in people]
    busy = set(
        Enrolment.objects.filter(
            Q(starts__lt=slot.shift.ends, ends__gt=slot.shift.starts), volunteer__in=ids, state__in=HOLDING
        ).values_list("volunteer_id", flat=True)
    )
    left, _kept, waits = free(slot, at)
    if waits or (slot.shift.draw_at is not None and slot.shift.drawn_at is None):
        left = 0
    for p in rows:
        assert p.volunteer is not None
        if reasons := missing[p.volunteer.pk]:
            p.refuse(NotEligible(reasons))
        elif p.volunteer.pk in busy:
            p.refuse(TwoPlaces())
        elif left:
            left -= 1
        else:
            p.outcome = "wait"


def seen(actor: Actor, roster_id: int) -> Roster:
    """One table; NotFound (L-404) for one of another organisation. One statement."""
    rows = Roster.objects.visible_to(actor).select_related("made_by", "shift__activity")
    found: Roster | None = rows.filter(pk=roster_id).first()
    if found is None:
        raise NotFound
    return found


def results(roster: Roster) -> list[Proposal]:
    """What became of each row of one that was taken."""
    return [Proposal(*row) for row in roster.results]


def result_columns() -> Sequence[Column[Proposal]]:
    return [
        (_("Line"), lambda p: p.line),
        (_("Volunteer number"), lambda p: p.number),
        (pgettext_lazy("shift", "Role"), lambda p: p.role),
        (pgettext_lazy("roster", "What became of it"), lambda p: str(p.chip[1])),
        (pgettext_lazy("column", "Why"), lambda p: p.words),
        (pgettext_lazy("column", "Code"), lambda p: p.code),
    ]


def recent(shift_id: int) -> Iterable[Roster]:
    """Tables laid down for a shift, newest first. One statement."""
    return Roster.objects.filter(shift=shift_id).defer("content", "results").order_by("-id")[:5]
