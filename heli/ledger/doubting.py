"""What the rules of doubt look at is read here, and what they find is written down. Many services at once, always."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, Sum
from django.db.models.functions import Coalesce, TruncMonth

from heli.core.steps import Step
from heli.engines.identifiers import without_personal
from heli.ledger import doubts
from heli.ledger.doubt_models import UNDECIDED, Flag, Spared
from heli.ledger.doubts import BY_ID, OWN, WATCH_ONLY, ZONE, Around, Class, Record
from heli.ledger.limits import OFFICE, Doubt, Rules
from heli.ledger.models import Service
from heli.rulebook import queries as rulebook

WITHIN = "ledger.doubt_within"
COLUMNS = (
    "id", "person_id", "org_id", "starts", "from_", "to_", "credited", "grade", "checked", "enrolled_at", "facts",
)  # fmt: skip


def record(service: Any, line: Any) -> Record:
    """Hours that are put forward."""
    return Record(
        service.pk, service.person_id, service.org_id, service.starts, line.starts, line.ends, line.minutes, line.grade,
        service.checked is not None, service.enrolled_at, service.facts,
    )  # fmt: skip


def _rows(rows: Any) -> list[Record]:
    return [
        Record(pk, person, org, begins, starts, ends, minutes or 0, grade, checked is not None, at, facts, *known)
        for pk, person, org, begins, starts, ends, minutes, grade, checked, at, facts, *known in rows
    ]


def around(batch: Sequence[Record], days: int, rules: Rules) -> Around:
    """What is read beside a batch. Statements: 2 (the people of its shifts, the months of its units); 1 more where a
    check-in has a phone or the shift a place (what else these persons did in `days` days)."""
    begins = [r.begins for r in batch]
    first, last = min(begins) - dt.timedelta(days=days), max(begins) + dt.timedelta(days=1)
    spans = Service.objects.annotate(from_=Coalesce("credited_from", "starts"), to_=Coalesce("credited_to", "ends"))
    back = dt.timedelta(days=int(rules["ledger.h10.nobody"].value["days"]))
    known = Service.objects.filter(
        person=OuterRef("person"), credited_from__gt=OuterRef("starts") - back, credited_from__lt=OuterRef("starts"),
        credited__isnull=False, grade__in=OWN,
    )  # fmt: skip
    sessions: dict[Any, list[Record]] = defaultdict(list)
    there = spans.filter(
        org__in={r.org for r in batch}, starts__in=set(begins), state__in=("attended", "held", "approved")
    )
    knows = {}
    for r in _rows(there.annotate(known=Exists(known)).values_list(*COLUMNS, "known")):
        sessions[r.session].append(r)
        knows[r.id] = r.known
    for r in batch:
        r.known = knows.get(r.id, False)
    persons: dict[int, list[Record]] = defaultdict(list)
    if any("lat" in r.facts or r.phones for r in batch):
        others = spans.filter(
            Q(credited__isnull=False) | Q(state="held"), person__in={r.person for r in batch}, starts__gt=first,
            starts__lt=last,
        ).exclude(pk__in=[r.id for r in batch])  # fmt: skip
        for r in _rows(others.values_list(*COLUMNS)):
            persons[r.person].append(r)
    return Around(persons, sessions, _months({r.month for r in batch}))


def _months(wanted: Iterable[tuple[int, int, int]]) -> dict[tuple[int, int, int], tuple[int, int, int]]:
    """Credited minutes of each (unit, year, month), those nobody saw, and how many records these are. One statement."""
    wanted = set(wanted)
    first = min(dt.datetime(y, m, 1, tzinfo=ZONE) for _o, y, m in wanted)
    last = max(dt.datetime(y, m, 1, tzinfo=ZONE) for _o, y, m in wanted) + dt.timedelta(days=31)
    unseen = Q(grade__in=OFFICE)
    rows = (
        Service.objects.filter(
            org__in={o for o, _y, _m in wanted}, starts__gte=first, starts__lt=last, credited__isnull=False
        )
        .annotate(month=TruncMonth("starts", tzinfo=ZONE))
        .values_list("org_id", "month")
        .annotate(all=Sum("credited"), unseen=Sum("credited", filter=unseen), n=Count("pk", filter=unseen))
        .order_by()
    )
    return {(org, at.year, at.month): (minutes, hidden or 0, n) for org, at, minutes, hidden, n in rows}


def weigh(
    services: Sequence[Any], lines: Sequence[Any], rules: Mapping[str, Rules], at: dt.datetime
) -> defaultdict[int, list[Doubt]]:
    """{service: what the rules doubt}. Statements: as `around`, whatever the number of services."""
    found: defaultdict[int, list[Doubt]] = defaultdict(list)
    if not services:
        return found
    batch = [record(x, y) for x, y in zip(services, lines, strict=True)]
    days = max(max(r["ledger.h10.nobody"].value["days"], r["ledger.h13.phones"].value["days"]) for r in rules.values())
    near = around(batch, int(days), rules[services[0].area_path])
    for path, here in rules.items():
        mine = [r for r, x in zip(batch, services, strict=True) if x.area_path == path]
        for pk, doubt in doubts.weigh(mine, near, here, at).items():
            found[pk] += doubt
    return found


def raise_flags(
    s: Step, services: Sequence[Any], found: Mapping[int, Sequence[Doubt]], rules: Mapping[str, Rules]
) -> dict[int, list[dict[str, Any]]]:
    """A flag for each doubt; returns {service: why it is held}. A rule that is only watched, one left out for this person
    or unit, and one that somebody dismissed for this service before, hold nothing back.

    Statements: none without doubts; else 3 (left out, dismissed, flags) and 1 for each area (the clock).
    """
    doubted = [x for x in services if found.get(x.pk)]
    if not doubted:
        return {}
    spared: set[tuple[str, int | None, int | None]] = {
        (rule, person, org)
        for rule, person, org in Spared.objects.filter(
            Q(person__in={x.person_id for x in doubted}) | Q(org__in={x.org_id for x in doubted}), until__gt=s.at
        ).values_list("rule", "person_id", "org_id")
    }
    before = set(
        Flag.objects.filter(Q(state="dismissed") | Q(state__in=UNDECIDED), service__in=[x.pk for x in doubted])
        .values_list("service_id", "rule")
    )  # fmt: skip
    clocks = {path: rulebook.with_calendar((WITHIN,), path=path, at=s.at) for path in {x.area_path for x in doubted}}
    flags: list[Flag] = []
    for x in doubted:
        clock, calendar = clocks[x.area_path]
        rule = clock[WITHIN]
        due = calendar.due(s.at, int(rule.value["amount"]), rule.value["unit"])
        here = rules[x.area_path]
        for d in {d.rule: d for d in found[x.pk]}.values():
            left_out = (d.rule, x.person_id, None) in spared or (d.rule, None, x.org_id) in spared
            if left_out or (x.pk, d.rule) in before:
                continue
            hint = d.rule in here[WATCH_ONLY].value or BY_ID[d.rule].kind is Class.WATCH
            flags.append(
                Flag(
                    rule=d.rule, row_id=here[d.key].id, service_id=x.pk, org_id=x.org_id, area_path=x.area_path, hint=hint,
                    found=d.found, inputs={"rows": list(d.rows)}, raised_at=s.at, due_at=due.at, due_rule_id=rule.id,
                    unsure=due.provisional,
                )
            )  # fmt: skip
    Flag.objects.bulk_create(flags)
    why: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for flag in flags:
        if not flag.hint and flag.service_id is not None:
            doubt = next(d for d in found[flag.service_id] if d.rule == flag.rule)
            why[flag.service_id].append({**doubt.plain(), "flag": flag.pk})
    return why


def decide(s: Step, services: Sequence[Any], state: str, reason: str) -> int:
    """What a second decider said of held hours ends the doubts about them. One statement."""
    n: int = Flag.objects.filter(service__in=[x.pk for x in services], state__in=UNDECIDED, hint=False).update(
        state=state, decided_at=s.at, decided_by=s.by.user_id, reason=without_personal(reason.strip())[:200]
    )
    return n
