"""Telling the national system: who agrees, the mapping, packing, what the answer was. What waits comes from the steps in which
it happened (`shared.to_tell`), and of hours from the database itself (`models.outbox.SharedEntry`).

Lock order: the volunteer, then rows of the outbox by id.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping as Map
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, Max, Min, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override, pgettext

from heli.core import vault
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import Forbidden, Invalid, NotFound, PaperMissing, WrongState
from heli.core.export import take_away
from heli.core.scope import within
from heli.core.steps import Step, step
from heli.core.tables import RowError
from heli.engines.identifiers import without_personal
from heli.ledger.models import Entry, Kind
from heli.loop.clocks import local_day
from heli.rulebook import queries as rulebook
from heli.volunteering import gates
from heli.volunteering.exchange_errors import GuardianFirst, MappingChanged, NoMapping, NothingToPack
from heli.volunteering.models import Activity, Enrolment, Field, Mapping, Outgoing, Parcel, Sharing, Volunteer
from heli.volunteering.models.outbox import Sent
from heli.volunteering.national import FIELDS, MOST, PERSONAL, adapter
from heli.volunteering.states import OUTGOING
from heli.volunteering.steps.people import SUBJECT as VOLUNTEER
from heli.volunteering.steps.people import for_them, lock_volunteer, said
from heli.volunteering.steps.shared import to_tell

SUBJECT = "volunteering.outgoing"
COUNTY = 6
SEPARATE = "volunteering.age.separate"  # below it a guardian says so: 个人信息保护法 art. 31


# Who agrees -----------------------------------------------------------------------------------------------------------
def share(*, volunteer_id: int, by: Actor, at: dt.datetime, consent: str = "") -> Volunteer:
    """The volunteer agrees, or a worker writes down that they did. What stands approved until now is told as well.

    Raises: NotFound (L-404), Forbidden (L-403), PaperMissing: by a worker without saying how (L-103). GuardianFirst
    (L-991): too young to say so alone, or nobody knows how old, and not at the office.
    """
    with step("volunteer.share", by=by, at=at) as s:
        volunteer = lock_volunteer(s, volunteer_id)
        for_them(s, volunteer, consent)
        rule = rulebook.in_force((SEPARATE,), path=volunteer.area_path, on=local_day(at))[SEPARATE]
        s.rule(rule)
        born = gates.born(volunteer, at)
        if not consent.strip() and (born is None or gates.age(born, local_day(at)) < int(rule.value)):
            raise GuardianFirst(n=rule.value)
        if volunteer.state == "left":
            raise WrongState
        if not Sharing.objects.filter(volunteer=volunteer, ended_at=None).exists():
            Sharing.objects.create(volunteer=volunteer, given_at=at, by_id=by.user_id, how=said(consent))
            Outgoing.objects.filter(volunteer=volunteer, state="dropped").update(
                state=OUTGOING.arrows["again"].target, parcel=None, ended_at=None
            )
            to_tell(Sent.VOLUNTEER, volunteer.pk, volunteer.area_path, at, volunteer)
            standing = Entry.objects.filter(
                service__person__user=volunteer.user_id, kind=Kind.APPROVED, superseded_by=None
            ).values_list("service_id", "pk", "service__area_path")
            rows = [
                Outgoing(kind=Sent.HOURS, subject_id=x, entry_id=pk, area_path=path, volunteer=volunteer, made_at=at)
                for x, pk, path in standing
            ]
            Outgoing.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)
    return volunteer


def stop_sharing(*, volunteer_id: int, by: Actor, at: dt.datetime, consent: str = "") -> Volunteer:
    """The volunteer takes it back; what was not uploaded yet is not told. What is there already only they can remove there."""
    with step("volunteer.stop_sharing", by=by, at=at) as s:
        volunteer = lock_volunteer(s, volunteer_id)
        for_them(s, volunteer, consent)
        end_sharing(s, volunteer)
    return volunteer


def end_sharing(s: Step, volunteer: Volunteer) -> None:
    """Call while holding the volunteer's lock."""
    Sharing.objects.filter(volunteer=volunteer, ended_at=None).update(ended_at=s.at)
    drop = OUTGOING.arrows["drop"]
    rows = Outgoing.objects.filter(volunteer=volunteer, state__in=drop.sources)
    rows.update(state=drop.target, payload="", ended_at=s.at)


def forget_sent(volunteer: Volunteer) -> None:
    """What was sealed of somebody whose account closes is gone; that it was sent stays. Call while holding their lock."""
    Outgoing.objects.filter(volunteer=volunteer).exclude(payload="").update(payload="")


# The mapping ----------------------------------------------------------------------------------------------------------
def save_mapping(
    *,
    county: str,
    kind: str,
    columns: Sequence[tuple[str, str]],
    values: Map[str, Map[str, str]],
    reason: str,
    seen: int,
    by: Actor,
    at: dt.datetime,
) -> Mapping:
    """A next version of a county's mapping. `seen`: the version that was on the page (0: none).

    Raises: Forbidden (L-403), Invalid (L-400), PaperMissing: by which template (L-103), MappingChanged (L-999).
    """
    with step("national.map", by=by, at=at) as s:
        s.require(Cap.MANAGE_RULES, path=county)
        if kind not in FIELDS or len(county) != COUNTY:
            raise NotFound
        kept = [(key, without_personal(text.strip())[:60]) for key, text in columns if text.strip()]
        if not kept:
            raise Invalid(_("Say at least one column."), field="columns")
        if any(key not in FIELDS[kind] for key, _text in kept) or len({text for _key, text in kept}) < len(kept):
            raise Invalid(_("Two fields cannot go into the same column."), field="columns")
        if not reason.strip():
            raise PaperMissing(field="reason", paper=_("by which template"))
        last = newest(county, kind)
        if (last.version if last else 0) != seen:
            raise MappingChanged
        try:
            with transaction.atomic():
                made = Mapping.objects.create(
                    area_path=county, kind=kind, version=seen + 1, columns=[list(x) for x in kept],
                    values={k: dict(v) for k, v in values.items() if v}, made_at=at, made_by_id=by.user_id,
                    reason=without_personal(reason.strip())[:200],
                )  # fmt: skip
        except IntegrityError as error:
            raise MappingChanged from error
        s.about("volunteering.mapping", made.pk, county)
        s.record(made, version=made.version)
    return made


def newest(county: str, kind: str) -> Mapping | None:
    """One statement."""
    return Mapping.objects.filter(area_path=county, kind=kind).order_by("-version").first()


# Packing --------------------------------------------------------------------------------------------------------------
def pack(*, county: str, kind: str, by: Actor, at: dt.datetime) -> Parcel:
    """What waits of a kind becomes a batch of at most MOST rows: its values are read now, by the mapping of now, and sealed.
    Each person whose name is in it sees that it was read, and what for. Whose name was not checked waits on.

    Raises: Forbidden (L-403), NoMapping (L-992), NothingToPack (L-990).
    """
    with step("national.pack", by=by, at=at) as s:
        s.require(Cap.KEEP_VOLUNTEERS, path=county)
        mapping = newest(county, kind)
        if mapping is None:
            raise NoMapping
        waiting = Outgoing.objects.filter(within("area_path", (county,)), kind=kind, state="waiting")
        waiting = waiting.filter(Q(volunteer=None) | Q(volunteer__state="verified"))
        rows = list(
            waiting.select_for_update(of=("self",), skip_locked=True).select_related("volunteer").order_by("id")[:MOST]
        )
        if kind == Sent.HOURS:
            rows = _still_so(s, rows)
        if not rows:
            raise NothingToPack
        parcel = Parcel.objects.create(
            area_path=county, kind=kind, mapping=mapping, rows=len(rows), made_at=at, made_by_id=by.user_id
        )
        for row, values in zip(rows, _values(s, kind, rows, mapping), strict=True):
            row.seal(json.dumps(values, ensure_ascii=False).encode())
            row.parcel, row.packed_at, row.receipt, row.words = parcel, at, "", ""
            row.sent_at = row.ended_at = None
        save = ("payload", "parcel", "packed_at", "receipt", "words", "sent_at", "ended_at")
        s.move_many(rows, OUTGOING, "pack", save=save)
        s.about("volunteering.parcel", parcel.pk, county)
        s.record(parcel, rows=len(rows), kind=kind, version=mapping.version)
    return parcel


def _still_so(s: Step, rows: Sequence[Outgoing]) -> list[Outgoing]:
    """Without what was taken back before anybody was told of it, nor that it was. Two statements, three where there is some."""
    told = Outgoing.objects.filter(kind=Sent.HOURS, entry_id=OuterRef("supersedes_id")).exclude(
        state__in=("waiting", "dropped")
    )
    found: dict[int, Any] = {
        e.pk: e
        for e in Entry.objects.filter(pk__in=[r.entry_id for r in rows]).annotate(
            over=Exists(Entry.objects.filter(supersedes=OuterRef("pk"))), told=Exists(told)
        )
    }
    idle = [
        r for r in rows
        if (e := found.get(r.entry_id)) is None or (e.over if e.kind == Kind.APPROVED else not e.told)
    ]  # fmt: skip
    if idle:
        Outgoing.objects.filter(pk__in=[r.pk for r in idle]).update(state=OUTGOING.arrows["drop"].target, ended_at=s.at)
    gone = {r.pk for r in idle}
    return [r for r in rows if r.pk not in gone]


def _values(s: Step, kind: str, rows: Sequence[Outgoing], mapping: Mapping) -> list[dict[str, Any]]:
    """{our field: value} of each row, only of what the mapping names, in its words."""
    named = [key for key, _column in mapping.columns]
    with override("zh-hans"):
        facts = {Sent.VOLUNTEER: _volunteers, Sent.ACTIVITY: _activities, Sent.HOURS: _hours}[Sent(kind)](rows)
    opened: dict[int, dict[str, str]] = {}
    if personal := [key for key in named if key in PERSONAL]:
        purpose = _("Report to the national volunteer service system, as you agreed")
        people = {r.volunteer.pk: r.volunteer for r in rows if r.volunteer is not None}
        for pk, v in sorted(people.items()):
            about = (VOLUNTEER, pk)
            opened[pk] = vault.reveal(v.record_id, fields=personal, by=s.by, purpose=purpose, at=s.at, about=about)
    out = []
    for row, fact in zip(rows, facts, strict=True):
        whole = fact | opened.get(row.volunteer_id or 0, {})
        out.append({k: _theirs(mapping, k, whole.get(k, "")) for k in named})
    return out


def _theirs(mapping: Mapping, key: str, value: Any) -> Any:
    """Our value as it is called there; where nobody said, as it is called here."""
    said = mapping.values.get(key, {}).get(str(value))
    if said or key != "field":
        return said or value
    with override("zh-hans"):
        return str(dict(Field.choices).get(value, value))


def _stamp(value: dt.datetime | None) -> str:
    return timezone.localtime(value).strftime("%Y-%m-%d %H:%M") if value else ""


def _volunteers(rows: Sequence[Outgoing]) -> list[dict[str, Any]]:
    people = {v.pk: v for v in Volunteer.objects.select_related("area").filter(pk__in=[r.subject_id for r in rows])}
    return [
        {
            "number": v.number, "area": v.area.name, "fields": "、".join(str(Field(f).label) for f in v.fields),
            "registered": _stamp(v.registered_at), "verified": _stamp(v.verified_at),
        }
        for v in (people[r.subject_id] for r in rows)
    ]  # fmt: skip


def _activities(rows: Sequence[Outgoing]) -> list[dict[str, Any]]:
    served = Enrolment.objects.filter(shift__activity__in=[r.subject_id for r in rows], state="attended")
    people = dict(served.order_by().values_list("shift__activity").annotate(n=Count("volunteer", distinct=True)))
    asked: QuerySet[Any] = Activity.objects.select_related("org", "area").filter(pk__in=[r.subject_id for r in rows])
    found = {
        a.pk: a
        for a in asked.annotate(
            first=Min("shifts__starts", filter=Q(shifts__state="over")),
            last=Max("shifts__ends", filter=Q(shifts__state="over")),
        )
    }
    return [
        {
            "title": a.title, "field": a.field, "unit": a.org.name, "area": a.area.name, "place": a.place,
            "content": a.content, "starts": _stamp(a.first), "ends": _stamp(a.last), "people": people.get(a.pk, 0), "served": a.served,
        }
        for a in (found[r.subject_id] for r in rows)
    ]  # fmt: skip


def _hours(rows: Sequence[Outgoing]) -> list[dict[str, Any]]:
    """From the entries themselves: what was approved, as it was then."""
    numbers = dict(Volunteer.objects.filter(pk__in=[r.volunteer_id for r in rows]).values_list("pk", "number"))
    asked = Entry.objects.select_related("service__org").filter(pk__in=[r.entry_id for r in rows])
    entries = {e.pk: e for e in asked}
    back = {e.supersedes_id for e in entries.values() if e.kind == Kind.REVERSED and e.supersedes_id is not None}
    receipts = dict(Outgoing.objects.filter(kind=Sent.HOURS, entry_id__in=back).values_list("entry_id", "receipt"))
    out = []
    for r in rows:
        e = entries[r.entry_id]
        x = e.service
        what = pgettext("national", "taken back") if e.kind == Kind.REVERSED else pgettext("national", "credited")
        out.append(
            {
                "number": numbers[r.volunteer_id or 0], "title": x.title, "content": x.content,
                "field": x.field, "unit": x.org.name, "place": x.place, "starts": _stamp(e.starts),
                "ends": _stamp(e.ends), "minutes": e.minutes, "what": what, "before": receipts.get(e.supersedes_id or 0, ""),
            }
        )  # fmt: skip
    return out


# The batch ------------------------------------------------------------------------------------------------------------
def _locked(s: Step, parcel_id: int) -> tuple[Parcel, list[Outgoing]]:
    parcel: Parcel = s.lock(Parcel, parcel_id)
    s.require(Cap.KEEP_VOLUNTEERS, path=parcel.area_path)
    s.about("volunteering.parcel", parcel.pk, parcel.area_path)
    if parcel.sent_at or parcel.dropped_at:
        raise WrongState
    s.record(parcel)
    return parcel, list(Outgoing.objects.select_for_update(of=("self",)).filter(parcel=parcel).order_by("id"))


def parcel_file(*, parcel_id: int, purpose: str, by: Actor, at: dt.datetime) -> bytes:
    """The file of a batch, from what was sealed; whose consent ended meanwhile is not in it. Taking it away is written down.

    Raises: NotFound (L-404), Forbidden (L-403), PaperMissing: no purpose (L-103), NothingToPack (L-990).
    """
    parcel = Parcel.objects.visible_to(by).select_related("mapping").filter(pk=parcel_id).first()
    if parcel is None:
        raise NotFound
    rows = list(Outgoing.objects.filter(parcel=parcel).exclude(payload="").order_by("id"))
    if not rows:
        raise NothingToPack
    take_away(
        name="national", by=by, at=at, purpose=purpose, rows=len(rows), filters={"batch": str(parcel.pk)},
        path=parcel.area_path, cap=Cap.KEEP_VOLUNTEERS,
    )  # fmt: skip
    opened = [(r, json.loads(r.opened())) for r in rows]
    return adapter.pack(parcel.mapping, opened)


def send(*, parcel_id: int, by: Actor, at: dt.datetime) -> Parcel:
    """Somebody says that they uploaded it. Raises WrongState (L-101): it was thrown away, or sent before."""
    with step("national.send", by=by, at=at) as s:
        parcel, rows = _locked(s, parcel_id)
        parcel.sent_at = at
        parcel.save(update_fields=["sent_at"])
        going = [r for r in rows if r.state == "packed"]
        for row in going:
            row.sent_at = at
        s.move_many(going, OUTGOING, "send", save=("sent_at",))
    return parcel


def unpack(*, parcel_id: int, by: Actor, at: dt.datetime) -> Parcel:
    """Throw a batch away that was not uploaded; its rows wait again, to be packed by the mapping of then."""
    with step("national.unpack", by=by, at=at) as s:
        parcel, rows = _locked(s, parcel_id)
        parcel.dropped_at = at
        parcel.save(update_fields=["dropped_at"])
        _wait_again(s, [r for r in rows if r.state == "packed"], "unpack")
    return parcel


def _wait_again(s: Step, rows: Sequence[Outgoing], arrow: str) -> None:
    for row in rows:
        row.parcel, row.payload, row.receipt, row.words = None, "", "", ""
        row.packed_at = row.sent_at = row.ended_at = None
    save = ("parcel", "payload", "receipt", "words", "packed_at", "sent_at", "ended_at")
    s.move_many(rows, OUTGOING, arrow, save=save)


# Answers --------------------------------------------------------------------------------------------------------------
@dataclasses.dataclass(slots=True)
class Received:
    """What a table of receipts did."""

    accepted: int = 0
    refused: int = 0
    known: int = 0  # said before
    errors: list[RowError] = dataclasses.field(default_factory=list)


def receive(*, raw: bytes, name: str, by: Actor, at: dt.datetime) -> Received:
    """Take a table of receipts in, row by row; a row that fits nothing is told and keeps the others not out. The same table
    again changes nothing.

    Raises: Forbidden (L-403), FileUnreadable (L-701), NoReceipt (L-993), TooManyLines (L-994).
    """
    paths = by.paths(Cap.KEEP_VOLUNTEERS)
    if not paths and not by.system:
        raise Forbidden
    found = adapter.answers(raw, name)
    done = Received(errors=found.errors)
    with step("national.receive", by=by, at=at) as s:
        asked = Outgoing.objects.visible_to(by).filter(pk__in=[a.outgoing_id for a in found.rows])
        rows = {r.pk: r for r in asked.select_for_update(of=("self",)).order_by("id")}
        went: dict[str, list[Outgoing]] = {"accept": [], "refuse": []}
        for a in found.rows:
            row, arrow = rows.get(a.outgoing_id), "accept" if a.taken else "refuse"
            if row is None or row.state in {"waiting", "dropped"}:
                words = _("Nothing was sent under this number, or the person has taken their consent back.")
                done.errors.append(RowError(a.line, "ours", "L-404", words))
            elif row in went["accept"] or row in went["refuse"] or row.state == OUTGOING.arrows[arrow].target:
                done.known += 1
            elif row.state not in OUTGOING.arrows[arrow].sources:
                done.errors.append(RowError(a.line, "result", "L-101", _("It was taken before, and stays so.")))
            else:
                row.receipt = without_personal(a.receipt) if a.taken else ""
                row.words = "" if a.taken else (without_personal(a.words) or _("no reason given"))
                row.ended_at = at
                went[arrow].append(row)
        for arrow, some in went.items():
            s.move_many(some, OUTGOING, arrow, save=("receipt", "words", "ended_at"))
        done.accepted, done.refused = len(went["accept"]), len(went["refuse"])
        s.about(SUBJECT, 0, paths[0] if paths else "")
        s.record(accepted=done.accepted, refused=done.refused, known=done.known, wrong=len(done.errors))
    return done


def send_again(*, outgoing_id: int, by: Actor, at: dt.datetime) -> Outgoing:
    """What was refused waits again: its values are read anew. Raises NotFound (L-404), WrongState (L-101)."""
    with step("outgoing.again", by=by, at=at) as s:
        row: Outgoing = s.lock(Outgoing, outgoing_id)
        if row.state != "refused":
            raise WrongState
        _wait_again(s, [row], "again")
        s.about(SUBJECT, row.pk, row.area_path)
        s.record(row)
    return row
