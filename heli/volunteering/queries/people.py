"""Every read of volunteers and their proofs: one's own page, the keepers' desk."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from heli.core import vault
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import NotFound
from heli.core.export import Column
from heli.core.paging import Page, keyset
from heli.core.scope import within
from heli.core.subjects import Subject
from heli.loop.clocks import local_day
from heli.people.elsewhere import Row
from heli.rulebook import queries as rulebook
from heli.rulebook.shapes import BODY
from heli.volunteering.gates import born
from heli.volunteering.models import (
    Field,
    Joining,
    Level,
    Limit,
    Objection,
    Outgoing,
    Proof,
    ProofKind,
    Remark,
    Sharing,
    Skill,
    Thanks,
    Volunteer,
)
from heli.volunteering.models.kind import Felt

Words = str | Promise
SOON = "volunteering.ends_soon"
STATES: dict[str, tuple[str, Words]] = {  # shape and word of a volunteer's state
    "registered": ("you", pgettext_lazy("volunteer", "Name to check")),
    "verified": ("done", pgettext_lazy("volunteer", "Name checked")),
    "paused": ("pause", pgettext_lazy("volunteer", "Paused")),
    "left": ("", pgettext_lazy("volunteer", "Left")),
}
PROOFS: dict[str, tuple[str, Words]] = {
    "shown": ("doing", pgettext_lazy("proof", "To be looked at")),
    "confirmed": ("done", pgettext_lazy("proof", "Looked at")),
    "refused": ("late", pgettext_lazy("proof", "Not accepted")),
    "ended": ("", pgettext_lazy("proof", "Ended")),
}
OWN_WORD = ("done", pgettext_lazy("proof", "Own word"))
OVER = ("", pgettext_lazy("proof", "Run out"))


def describe_volunteers(ids: list[int], actor: Actor) -> dict[int, Subject]:
    """Volunteers by their number. One statement."""
    rows = Volunteer.objects.visible_to(actor).filter(pk__in=ids).values_list("pk", "number", "user_id")
    return {
        pk: Subject(
            _("Volunteer %(number)s") % {"number": number},
            reverse("volunteering:me") if user == actor.user_id else reverse("volunteering:kept", args=[pk]),
        )
        for pk, number, user in rows
    }


# One's own ------------------------------------------------------------------------------------------------------------
def mine(actor: Actor) -> Volunteer | None:
    """The actor's own registration, with record and area. One statement."""
    own = Volunteer.objects.filter(user=actor.user_id or 0).select_related("record", "area")
    found: Volunteer | None = own.first()
    return found


def own_rows(user_id: int) -> list[Row]:
    """What is kept about a volunteer beside the vault, for their own file. Eight statements."""
    volunteer = Volunteer.objects.filter(user=user_id).select_related("area").first()
    if volunteer is None:
        return []
    part, listed = _("Volunteer"), pgettext("list", ", ")
    rows: list[Row] = [
        (part, _("Volunteer number"), volunteer.number, volunteer.registered_at),
        (part, _("State"), str(STATES[volunteer.state][1]), volunteer.verified_at),
        (part, _("Community"), volunteer.area.name, None),
        (part, _("Fields"), listed.join(str(Field(f).label) for f in volunteer.fields), None),
        (part, _("What you do not do"), listed.join(str(Limit(x).label) for x in volunteer.limits), None),
    ]
    for p in Proof.objects.filter(volunteer=volunteer).select_related("skill").order_by("id"):
        title = str(p.skill) if p.skill is not None else str(ProofKind(p.kind).label)
        said = f"{PROOFS[p.state][1]} · {p.valid_from} – {p.valid_to} · {p.how}"
        rows.append((part, title, said, p.shown_at))
    for j in Joining.objects.filter(volunteer=volunteer).select_related("team").order_by("id"):
        rows.append((_("Teams"), j.team.name, j.words, j.asked_at))
    of_mine = {"enrolment__volunteer": volunteer}
    for r in Remark.objects.filter(**of_mine).select_related("activity").order_by("said_at"):
        rows.append((_("What you said"), r.activity.title, f"{Felt(r.felt).label} · {r.words}", r.said_at))
    for t in Thanks.objects.filter(**of_mine).select_related("enrolment__shift__activity").order_by("at"):
        rows.append((pgettext("volunteer", "Thanks"), t.enrolment.shift.activity.title, t.words, t.at))
    for o in Objection.objects.filter(**of_mine).select_related("enrolment__shift__activity").order_by("at"):
        rows.append((_("You answered"), o.enrolment.shift.activity.title, o.words, o.at))
    part = _("National system")
    for c in Sharing.objects.filter(volunteer=volunteer).order_by("id"):
        until = f"{c.ended_at:%Y-%m-%d}" if c.ended_at else ""
        rows.append(
            (part, _("You agreed that it is reported"), f"{c.how} {c.given_at:%Y-%m-%d} – {until}".strip(), c.given_at)
        )
    for o in Outgoing.objects.filter(volunteer=volunteer).defer("payload").order_by("id"):
        rows.append((part, str(o.get_kind_display()), f"{o} {o.state} {o.receipt} {o.words}".strip(), o.made_at))
    return rows


@dataclass(frozen=True, slots=True)
class Shown:
    """A proof as its page says it."""

    proof: Proof
    title: str
    chip: tuple[str, Words]
    live: bool  # it counts now, or waits for somebody
    level: str = ""


def _own_word(proof: Proof) -> bool:
    return proof.state == "shown" and proof.skill is not None and not proof.skill.needs_paper


def shown(proof: Proof, today: dt.date) -> Shown:
    live = proof.state in {"shown", "confirmed"}
    chip = PROOFS[proof.state]
    if live and proof.valid_to < today:
        chip, live = OVER, False
    elif live and (proof.kind == ProofKind.HEALTH or _own_word(proof)):
        chip = OWN_WORD
    title = str(proof.skill) if proof.skill is not None else str(ProofKind(proof.kind).label)
    level = str(Level(proof.level).label) if proof.skill is not None else ""
    return Shown(proof, title, chip, live, level)


def proofs_of(volunteer: Volunteer, today: dt.date) -> list[Shown]:
    """What they showed, live ones first; at most the last hundred. One statement."""
    rows = Proof.objects.filter(volunteer=volunteer).select_related("skill", "guardian").order_by("-id")[:100]
    return sorted((shown(p, today) for p in rows), key=lambda s: not s.live)


@dataclass(frozen=True, slots=True)
class Need:
    """What may be asked for before a shift, whether it is there, and what it is for."""

    key: str
    title: Words
    words: str
    there: bool
    until: dt.date | None = None
    waits: bool = False  # shown, nobody has looked yet


def needs(volunteer: Volunteer, proofs: list[Shown], at: dt.datetime) -> list[Need]:
    """What is there and what is missing, and for what. One statement for the rules."""
    names = (
        "volunteering.age.separate", "volunteering.age.adult", "volunteering.health.for", "volunteering.insurance.for",
        "volunteering.silver.age",
    )  # fmt: skip
    today = local_day(at)
    found = rulebook.in_force(names, path=volunteer.area_path, on=today)
    rules = {key: row.value for key, row in found.items()}
    birthday = born(volunteer, at)
    age = (
        None
        if birthday is None
        else today.year - birthday.year - ((today.month, today.day) < (birthday.month, birthday.day))
    )

    def need(key: str, kind: ProofKind, words: str) -> Need:
        held = [s.proof for s in proofs if s.live and s.proof.kind == kind]
        good = [p for p in held if p.state == "confirmed" and p.valid_from <= today]
        until = max((p.valid_to for p in good), default=None)
        return Need(key, ProofKind(kind).label, words, bool(good), until, bool(held) and not good)

    listed = pgettext("list", ", ")

    def conditions(key: str) -> str:
        return listed.join(str(BODY[c]) for c in rules[key])

    rows = [
        Need(
            "name", gettext_lazy("Name and identity number"), _("For every shift."), volunteer.state == "verified",
        )
    ]  # fmt: skip
    if age is not None and age < rules["volunteering.age.separate"]:
        rows.append(need("guardian", ProofKind.GUARDIAN_UNDER_14, _("For every shift, at your age.")))
    elif age is not None and age < rules["volunteering.age.adult"]:
        rows.append(need("guardian", ProofKind.GUARDIAN, _("For every shift, at your age.")))
    silver = age is not None and age >= rules["volunteering.silver.age"]
    for_health = _("For every shift, at your age.") if silver else _("For: %(what)s.") % {"what": conditions(names[2])}
    rows.append(need("health", ProofKind.HEALTH, for_health))
    rows.append(
        need(
            "insurance", ProofKind.INSURANCE,
            _("For: %(what)s, visits at home, emergencies. Most organisers insure everybody; then you need none.")
            % {"what": conditions(names[3])},
        )
    )  # fmt: skip
    rows.append(need("record", ProofKind.RECORD_CHECK, _("For work with children and young people.")))
    return rows


def skills() -> list[Skill]:
    """All skills by kind and name. One statement."""
    return list(Skill.objects.order_by("-kind", "id"))


# The keepers' desk ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Group:
    title: Words
    words: Words
    state: str = ""


GROUPS: dict[str, Group] = {
    "verify": Group(gettext_lazy("Names to check"), gettext_lazy("They come with their identity card."), "you"),
    "proofs": Group(gettext_lazy("Proofs to look at"), gettext_lazy("Papers, checks, guardians to ask."), "you"),
    "ends": Group(gettext_lazy("End soon"), gettext_lazy("Checks of records and consents to renew."), "soon"),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """How the desk is narrowed. `q`: a volunteer's number, never anything personal."""

    do: str = ""
    q: str = ""
    state: str = ""
    field: str = ""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Filters:
        def one(name: str, of: Any) -> str:
            return query.get(name, "") if query.get(name, "") in of else ""

        return cls(one("do", GROUPS), query.get("q", "").strip()[:30], one("state", STATES), one("field", Field.values))

    def kept(self) -> dict[str, str]:
        return {k: v for k, v in (("do", self.do), ("q", self.q), ("state", self.state), ("field", self.field)) if v}


def here(actor: Actor, field: str = "area_path") -> Q:
    """Rows of the areas whose volunteers the actor keeps."""
    return within(field, actor.paths(Cap.KEEP_VOLUNTEERS))


def to_look_at(actor: Actor) -> QuerySet[Proof]:
    """Proofs nobody has looked at, oldest first; one's own word that needs no paper is not among them, nor one's own."""
    word = Q(kind=ProofKind.SKILL, skill__needs_paper=False, paper=None)
    return (
        Proof.objects.filter(here(actor, "volunteer__area_path"), state="shown")
        .exclude(word)
        .exclude(volunteer__user=actor.user_id)
        .exclude(volunteer__state="left")
        .select_related("volunteer__record", "volunteer__area", "skill", "guardian")
    )


def ending(actor: Actor, at: dt.datetime) -> QuerySet[Proof]:
    """Checks of records and consents in force that end within the rule's time. One statement for the rule."""
    today = local_day(at)
    path = next(iter(actor.paths(Cap.KEEP_VOLUNTEERS)), "")
    days = rulebook.in_force((SOON,), path=path, on=today)[SOON].value
    kinds = (ProofKind.RECORD_CHECK, ProofKind.GUARDIAN, ProofKind.GUARDIAN_UNDER_14)
    found: QuerySet[Proof] = (
        Proof.objects.filter(here(actor, "volunteer__area_path"), state="confirmed", kind__in=kinds)
        .filter(valid_to__gte=today, valid_to__lte=today + dt.timedelta(days=days))
        .exclude(volunteer__state="left")
        .select_related("volunteer__record", "volunteer__area", "skill", "guardian")
    )
    return found


def counts(actor: Actor, at: dt.datetime) -> dict[str, int]:
    """How many wait in each group. Four statements."""
    return {
        "verify": found(actor, Filters(state="registered")).exclude(user=actor.user_id).count(),
        "proofs": to_look_at(actor).count(),
        "ends": ending(actor, at).count(),
    }


def found(actor: Actor, f: Filters) -> QuerySet[Volunteer]:
    rows: QuerySet[Volunteer] = Volunteer.objects.filter(here(actor)).select_related("record", "area", "user")
    if f.state or f.do == "verify":
        rows = rows.filter(state=f.state or "registered")
    if f.field:
        rows = rows.filter(fields__contains=[f.field])
    if f.q:
        rows = rows.filter(number=f.q.upper())
    return rows


def with_phone(actor: Actor, number: str) -> list[Volunteer]:
    """Volunteers of the actor's areas who left this number (digits). It is posted, never in an address. One statement."""
    return list(found(actor, Filters()).filter(record__phone_index=vault.blind("phone", number)).order_by("-id")[:20])


def desk(actor: Actor, f: Filters, *, after: str | None = None, size: int = 50) -> Page[Volunteer]:
    """Volunteers of the actor's areas as they are narrowed; who waits longest first where names are checked."""
    order = ("id",) if f.do == "verify" else ("-id",)
    return keyset(found(actor, f), order=order, after=after, size=size)


def proofs_desk(actor: Actor, f: Filters, at: dt.datetime, *, after: str | None = None, size: int = 50) -> Page[Shown]:
    """Proofs to look at, or that end soon. One statement (and the rule)."""
    rows = to_look_at(actor) if f.do == "proofs" else ending(actor, at)
    order = ("shown_at", "id") if f.do == "proofs" else ("valid_to", "id")
    return keyset(rows, order=order, after=after, size=size).map(lambda p: shown(p, local_day(at)))


def one(actor: Actor, volunteer_id: int) -> Volunteer:
    """One volunteer of the actor's areas; NotFound (L-404). One statement."""
    rows = Volunteer.objects.filter(here(actor)).select_related("record", "area", "user")
    volunteer: Volunteer | None = rows.filter(pk=volunteer_id).first()
    if volunteer is None:
        raise NotFound
    return volunteer


def proof(actor: Actor, proof_id: int) -> Proof:
    """A proof one may open: one's own, or of the areas one keeps; leaders of teams see that it is there, not the
    paper. NotFound (L-404). One statement."""
    see = Q(volunteer__user=actor.user_id) if actor.user_id is not None else Q(pk__in=[])
    found_ = Proof.objects.filter(see | here(actor, "volunteer__area_path")).select_related("volunteer")
    row: Proof | None = found_.filter(pk=proof_id).first()
    if row is None:
        raise NotFound
    return row


def columns() -> list[Column[Volunteer]]:
    """A list to take along: numbers and places, nobody's name, phone or identity number."""
    listed = pgettext("list", ", ")
    return [
        (_("Volunteer number"), lambda v: v.number),
        (_("Community"), lambda v: v.area.name),
        (_("State"), lambda v: str(STATES[v.state][1])),
        (_("Fields"), lambda v: listed.join(str(Field(f).label) for f in v.fields)),
        (_("Told by"), lambda v: _("phone") if v.by_phone else _("this site")),
        (_("Registered"), lambda v: v.registered_at),
        (_("Name checked"), lambda v: v.verified_at),
    ]
