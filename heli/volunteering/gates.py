"""What somebody may serve in, judged by the shift's date. Every gate fails closed: what is not known does not open it.

`refusals` reads everything at once; `weigh` judges one person and is pure. Which days, ages and hours count is said by
rules (volunteering.*), each with its citation.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from heli.core import vault, words
from heli.engines.identifiers import BadIdentifier, resident_id
from heli.loop.clocks import local_day
from heli.rulebook import keys as rule_keys
from heli.rulebook import queries as rulebook
from heli.volunteering.models import (
    Activity,
    Condition,
    Level,
    Limit,
    Proof,
    ProofKind,
    RoleSkill,
    Skill,
    Slot,
    Volunteer,
)

INSURANCE_FOR = "volunteering.insurance.for"
RULES = (
    "volunteering.age.separate", "volunteering.age.adult", "volunteering.record_check", "volunteering.health",
    "volunteering.health.for", INSURANCE_FOR, "volunteering.day", "volunteering.heat",
    "volunteering.silver.age", "volunteering.silver.longest", "volunteering.silver.spared",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody may not serve in a shift: `words` says what is wrong, `act` what to do about it, `url` where on the
    volunteer's own pages ('' when it is not theirs to do)."""

    key: str
    words: str
    act: str
    url: str = ""

    @classmethod
    def of(cls, key: str, said: str, act: str) -> Refusal:
        route, _sign, query = WHERE.get(key, "").partition("?")
        return cls(key, said, act, reverse(f"volunteering:{route}") + (f"?{query}" if query else "") if route else "")


WHERE = {  # on one's own pages
    "state": "me", "age": "me", "guardian14": "guardian", "guardian": "guardian", "record": "show?kind=record",
    "skill": "show?kind=skill", "insurance": "show?kind=insurance", "health": "me", "limit": "when", "minutes": "when",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Paper:
    """A proof in force on all days of the shift. `confirmed`: somebody looked at it; else it is their own word."""

    kind: str
    since: dt.date
    confirmed: bool
    skill: int | None = None
    level: int = 1


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of who wants to serve. `born` is None where the identity number is not known or not one."""

    state: str
    born: dt.date | None
    limits: frozenset[str] = frozenset()
    most_minutes: int | None = None
    papers: tuple[Paper, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A skill a role asks for: its own id with those that cover it, and which of them need a paper."""

    name: str
    level: int
    by: frozenset[int]
    on_paper: frozenset[int]
    needs_paper: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What a place in a shift asks for. `first`, `last`: its days; `conditions`: of the activity, with night and heat
    where the hours say so."""

    first: dt.date
    last: dt.date
    minutes: int
    conditions: frozenset[str]
    min_age: int
    max_age: int | None
    minors: bool
    needs_guide: bool
    guided: bool
    needs_insurance: bool
    insured: bool
    skills: tuple[Wanted, ...]
    rules: Mapping[str, Any]


def refusals(volunteers: Sequence[Volunteer], slot: Slot, *, at: dt.datetime) -> dict[int, list[Refusal]]:
    """{volunteer id: why they may not serve in this place}; an empty list: they may.

    At most four statements however many they are: rules, the role's skills, what covers what, proofs.

    Args:
        volunteers: with their `record` (select_related).
        slot: with role, shift and shift.activity.

    Raises:
        RuleMissing: no rule is in force here and then (L-301); nothing is assumed in its place.
    """
    asked = asks(slot)
    papers = papers_of([v.pk for v in volunteers], asked.first, asked.last)
    return {
        v.pk: weigh(
            Person(v.state, born(v, at), frozenset(v.limits), v.most_minutes, tuple(papers.get(v.pk, ()))), asked
        )
        for v in volunteers
    }


# What is known --------------------------------------------------------------------------------------------------------
def born(volunteer: Volunteer, at: dt.datetime) -> dt.date | None:
    """The birthday in the identity number in the vault; None where there is none or it is not one. The number itself
    goes nowhere. No statement when `record` is loaded."""

    def read(number: str) -> dt.date | None:
        try:
            return resident_id(number, on=local_day(at)).born
        except BadIdentifier:
            return None

    return vault.derive(volunteer.record, "id_number", read)


def papers_of(volunteer_ids: Collection[int], first: dt.date, last: dt.date) -> dict[int, list[Paper]]:
    """{volunteer id: what is in force from `first` to `last`}. One statement."""
    rows = Proof.objects.filter(
        volunteer__in=volunteer_ids, state__in=("shown", "confirmed"), valid_from__lte=first, valid_to__gte=last
    ).values_list("volunteer_id", "kind", "valid_from", "state", "skill_id", "level")
    found: dict[int, list[Paper]] = {}
    for volunteer_id, kind, since, state, skill, level in rows:
        found.setdefault(volunteer_id, []).append(Paper(kind, since, state == "confirmed", skill, level))
    return found


def asks(slot: Slot) -> Asked:
    """What a place asks for. At most three statements (two where the role asks for no skill)."""
    shift, role, activity = slot.shift, slot.role, slot.shift.activity
    first = local_day(shift.starts)
    last = local_day(shift.ends - dt.timedelta(microseconds=1))
    found = rulebook.in_force(RULES, path=activity.area_path, on=first)
    rules = {key: row.value for key, row in found.items()}
    conditions = conditions_of(activity.conditions, shift.starts, shift.ends, rules)
    return Asked(
        first=first,
        last=last,
        minutes=-(-int((shift.ends - shift.starts).total_seconds()) // 60),
        conditions=conditions,
        min_age=role.min_age,
        max_age=role.max_age,
        minors=activity.minors,
        needs_guide=activity.silver or activity.home,
        guided=activity.guide_id is not None,
        needs_insurance=needs_insurance(activity, conditions, rules[INSURANCE_FOR]),
        insured=bool(activity.insurer.strip()) and activity.insured_to is not None and activity.insured_to >= last,
        skills=wanted(role.pk),
        rules=rules,
    )


def needs_insurance(activity: Activity, conditions: Iterable[str], dangers: Collection[str]) -> bool:
    """Whether somebody has to insure who serves; `dangers`: the rule's conditions. The plan is asked the same."""
    asked = activity.minors or activity.emergency or activity.silver or activity.home
    return asked or not set(dangers).isdisjoint(conditions)


def conditions_of(
    stated: Iterable[str], starts: dt.datetime, ends: dt.datetime, rules: Mapping[str, Any]
) -> frozenset[str]:
    """What the activity states, with night and heat where the hours of the shift say so."""
    found = set(stated)
    if _inside(starts, ends, rules["volunteering.day"]) < ends - starts:
        found.add(Condition.NIGHT.value)
    heat = rules["volunteering.heat"]
    if Condition.OUTDOOR in found and _inside(starts, ends, heat, heat["months"]):
        found.add(Condition.HEAT.value)
    return frozenset(found)


def _inside(
    starts: dt.datetime, ends: dt.datetime, hours: Mapping[str, Any], months: Collection[int] = range(1, 13)
) -> dt.timedelta:
    """How much of a time lies within these hours, on days of these months."""
    total, day, zone = dt.timedelta(), local_day(starts), timezone.get_default_timezone()
    while day <= local_day(ends):
        for opens, closes in rule_keys.hours(hours) if day.month in months else ():
            begin = max(starts, dt.datetime.combine(day, opens, zone))
            total += max(min(ends, dt.datetime.combine(day, closes, zone)) - begin, dt.timedelta())
        day += dt.timedelta(days=1)
    return total


def wanted(role_id: int) -> tuple[Wanted, ...]:
    """The skills a role asks for, each with those that cover it, however far. Two statements; one for none."""
    asked = list(RoleSkill.objects.filter(role=role_id).select_related("skill").order_by("id"))
    if not asked:
        return ()
    edges = Skill.covers.through.objects.values_list("from_skill", "to_skill", "from_skill__needs_paper")
    above: dict[int, list[int]] = {}
    on_paper = {r.skill_id for r in asked if r.skill.needs_paper}
    for covering, covered, paper in edges:
        above.setdefault(covered, []).append(covering)
        if paper:
            on_paper.add(covering)
    return tuple(
        Wanted(r.skill.name, r.level, by := _reach(r.skill_id, above), by & on_paper, r.skill.needs_paper)
        for r in asked
    )


def _reach(start: int, above: Mapping[int, Sequence[int]]) -> frozenset[int]:
    seen, to_see = {start}, [start]
    while to_see:  # a circle in the graph ends here too
        new = [s for s in above.get(to_see.pop(), ()) if s not in seen]
        seen.update(new)
        to_see += new
    return frozenset(seen)


# The judgement --------------------------------------------------------------------------------------------------------
def weigh(person: Person, asked: Asked) -> list[Refusal]:
    """Every reason why the person may not serve there; none: they may. No statement."""
    found = [*_of_state(person), *_of_age(person, asked), *_of_papers(person, asked), *_of_body(person, asked)]
    if asked.needs_guide and not asked.guided:
        found.append(
            Refusal.of(
                "guide",
                _(
                    "Visits at home and activities of silver-age volunteers are guided by a social worker; none is named."
                ),
                _("The organiser names a social worker."),
            )
        )
    return found


def _of_state(person: Person) -> list[Refusal]:
    if person.state == "verified":
        return []
    said = {
        "registered": (_("Your name has not been checked yet."), _("Have your name and identity number checked.")),
        "paused": (_("Your registration is paused."), _("Ask the office that paused it what is missing.")),
        "left": (_("You left volunteering."), _("Come back first, on your own page.")),
    }
    what = said.get(person.state, (_("You are not registered as a volunteer."), _("Register first.")))
    return [Refusal.of("state", *what)]


def age_on(born_on: dt.date, on: dt.date) -> int:
    return on.year - born_on.year - ((on.month, on.day) < (born_on.month, born_on.day))


def _of_age(person: Person, asked: Asked) -> list[Refusal]:
    if person.born is None:
        return [
            Refusal.of(
                "age",
                _("Your age is not known, so nobody can tell whether this shift is for you."),
                _("Have your name and identity number checked."),
            )
        ]
    age, rules, found = age_on(person.born, asked.first), asked.rules, []
    if age < asked.min_age:
        found.append(
            Refusal.of(
                "too_young",
                _("This is for people of %(n)s and over; you are %(age)s on that day.")
                % {"n": asked.min_age, "age": age},
                _("Look for a shift for your age."),
            )
        )
    if asked.max_age is not None and age > asked.max_age:
        found.append(
            Refusal.of(
                "too_old",
                _("The insurer or organiser takes people up to %(n)s; you are %(age)s on that day.")
                % {"n": asked.max_age, "age": age},
                _("Look for another role, or ask the organiser."),
            )
        )
    under, adult = rules["volunteering.age.separate"], rules["volunteering.age.adult"]
    if age < under and not _has(person, ProofKind.GUARDIAN_UNDER_14):
        found.append(
            Refusal.of(
                "guardian14",
                _("On that day you are not yet %(n)s: a guardian's separate consent must be in force.") % {"n": under},
                _("Bring a parent or guardian to the office, or ask it to call them."),
            )
        )
    elif under <= age < adult and not _has(person, ProofKind.GUARDIAN):
        found.append(
            Refusal.of(
                "guardian",
                _("On that day you are not yet %(n)s: a guardian's consent must be in force.") % {"n": adult},
                _("Write down who your guardian is; the office asks them."),
            )
        )
    return found


def _has(person: Person, kind: ProofKind, *, since: dt.date | None = None) -> bool:
    return any(p.kind == kind and p.confirmed and (since is None or p.since >= since) for p in person.papers)


def silver(person: Person, asked: Asked) -> bool:
    """Whether somebody is a silver-age volunteer on that day; where the age is not known another gate is shut."""
    return person.born is not None and age_on(person.born, asked.last) >= asked.rules["volunteering.silver.age"]


def _since(asked: Asked, rule: str) -> dt.date:
    """The first day from which a paper that counts so long still counts on the last day."""
    return asked.last - dt.timedelta(days=asked.rules[rule])


def _of_papers(person: Person, asked: Asked) -> list[Refusal]:
    found = []
    if asked.minors and not _has(person, ProofKind.RECORD_CHECK, since=_since(asked, "volunteering.record_check")):
        found.append(
            Refusal.of(
                "record",
                _("Work with minors asks for a check of records within the year; none is in force on that day."),
                _("Ask the office for the check; it is free and takes a few days."),
            )
        )
    for skill in asked.skills:
        if not any(_shows(p, skill) for p in person.papers):
            found.append(
                Refusal.of(
                    "skill",
                    _("This role asks for “%(skill)s” (%(level)s); on that day it is not shown for you.")
                    % {"skill": skill.name, "level": Level(skill.level).label},
                    _("Show the certificate, or take the training.")
                    if skill.needs_paper
                    else _("If you can do it, say so on your page."),
                )
            )
    if asked.needs_insurance and not asked.insured and not _has(person, ProofKind.INSURANCE):
        found.append(
            Refusal.of(
                "insurance",
                _("This shift asks for accident insurance; none is in force on that day."),
                _("Ask the organiser to insure everybody, or show your own insurance."),
            )
        )
    strenuous = asked.conditions.intersection(asked.rules["volunteering.health.for"])
    if (strenuous or silver(person, asked)) and not _has(
        person, ProofKind.HEALTH, since=_since(asked, "volunteering.health")
    ):
        found.append(
            Refusal.of(
                "health",
                _("Your own word that you are well enough is missing, or it is too old on that day."),
                _("Say on your page how you are; it takes one tap."),
            )
        )
    return found


def _shows(paper: Paper, skill: Wanted) -> bool:
    return (
        paper.kind == ProofKind.SKILL
        and paper.skill in skill.by
        and paper.level >= skill.level
        and (paper.confirmed or not (skill.needs_paper or paper.skill in skill.on_paper))
    )


def _of_body(person: Person, asked: Asked) -> list[Refusal]:
    found = []
    listed = pgettext("list", ", ")
    if against := [str(Limit(c).label) for c in Limit.values if c in person.limits & asked.conditions]:
        found.append(
            Refusal.of(
                "limit",
                _("You said: %(limits)s.") % {"limits": listed.join(against)},
                _("Look for another shift, or change what you do not do."),
            )
        )
    if person.most_minutes is not None and asked.minutes > person.most_minutes:
        found.append(
            Refusal.of(
                "minutes",
                _("The shift takes %(long)s; you want at most %(most)s.")
                % {"long": words.limit(asked.minutes, "minute"), "most": words.limit(person.most_minutes, "minute")},
                _("Look for a shorter one, or change how long you can."),
            )
        )
    if not silver(person, asked):
        return found
    if asked.minutes > (longest := asked.rules["volunteering.silver.longest"]):
        found.append(
            Refusal.of(
                "silver_long",
                _("The shift takes %(long)s; for silver-age volunteers it is at most %(most)s.")
                % {"long": words.limit(asked.minutes, "minute"), "most": words.limit(longest, "minute")},
                _("Look for a shorter one."),
            )
        )
    spared = [str(Condition(c).label) for c in asked.rules["volunteering.silver.spared"] if c in asked.conditions]
    if spared:
        found.append(
            Refusal.of(
                "silver_spared",
                _("Silver-age volunteers are spared this: %(what)s.") % {"what": listed.join(spared)},
                _("Look for a shift by day and indoors."),
            )
        )
    return found
