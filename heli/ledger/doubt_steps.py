"""Doubts: answered by the person and the unit, decided by somebody else; hints of the night; rules that are wrong too often."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from typing import IO, Any

from django.db.models import Count, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from heli.core import files
from heli.core.actor import SYSTEM, Actor
from heli.core.caps import Cap
from heli.core.errors import Forbidden, Invalid, NotFound, PaperMissing, WrongState
from heli.core.steps import Step, step
from heli.engines.identifiers import without_personal
from heli.ledger import doubts
from heli.ledger import steps as ledger
from heli.ledger.doubt_models import UNDECIDED, Flag, FlagAnswer, Spared
from heli.ledger.doubting import WITHIN
from heli.ledger.doubts import BY_ID, RULES, WATCH_ONLY, ZONE, Class
from heli.ledger.errors import OwnHours, SecondDecider
from heli.ledger.limits import OFFICE
from heli.ledger.models import Entry, Kind, Service
from heli.ledger.states import FLAG
from heli.orgs.models import Organisation
from heli.rulebook import queries as rulebook
from heli.rulebook.models import Rule
from heli.rulebook.steps import NewRule, set_rule

HEALTH, SPARED = "ledger.doubt_health", "ledger.spared"
OUTCOMES = {"settle": ledger.settle, "reject": ledger.reject, "release": ledger.release}


def answer(
    *, service_id: int, text: str, by: Actor, at: dt.datetime, paper: IO[bytes] | None = None
) -> list[FlagAnswer]:
    """The person, or the unit that recorded it, says how it was: kept beside every open doubt about these hours.

    Raises: NotFound (L-404), WrongState (L-101) where nothing is open, PaperMissing (L-103) without words.
    """
    with step("hours.answer", by=by, at=at) as s:
        service = _service(by, service_id)
        rows = Flag.objects.select_for_update().filter(service=service, state__in=UNDECIDED, hint=False)
        flags = list(rows.order_by("pk"))
        own = service.person.user_id == by.user_id
        if not own and not by.can(Cap.RECORD_HOURS, org_id=service.org_id):
            raise NotFound
        if not flags:
            raise WrongState
        words = without_personal(text.strip())[:300]
        if not words:
            raise PaperMissing(field="text", paper=_("your answer"))
        kept = None
        if paper is not None:
            kept = files.store(paper, subject_type=ledger.SUBJECT, subject_id=service.pk, limits=files.PAPER).pk
        made = [FlagAnswer(flag=f, of_person=own, text=words, paper=kept, by_id=by.user_id, at=at) for f in flags]
        FlagAnswer.objects.bulk_create(made)
        Flag.objects.filter(pk__in=[f.pk for f in flags]).update(state=FLAG.arrows["answer"].target)
        s.about(ledger.SUBJECT, service.pk, service.area_path)
        s.record(service, rules=[f.rule for f in flags], person=own)
    return made


def _service(by: Actor, pk: int) -> Service:
    found: Service | None = Service.objects.visible_to(by).select_related("person").filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def decide(*, service_ids: Sequence[int], outcome: str, reason: str, by: Actor, at: dt.datetime) -> int:
    """A second person decides on held hours, one or all of a shift: `settle` credits them (the doubt was wrong), `reject`
    refuses them, `release` hands them back to be recorded right (the doubt was right). Returns how many.

    Raises: what ledger.settle, reject and release do: SecondDecider (L-909), Forbidden (L-403), WrongState (L-101).
    """
    if outcome not in OUTCOMES or not service_ids:
        raise Invalid(_("Choose what is to become of these hours."), field="outcome")
    with step(f"hours.doubts_{outcome}", by=by, at=at) as s:
        OUTCOMES[outcome](s, list(service_ids), reason=reason)
        first = Service.objects.only("area_path").get(pk=service_ids[0])
        s.about(ledger.SUBJECT, first.pk, first.area_path)
        s.record(n=len(service_ids), reason=without_personal(reason.strip())[:200])
    return len(service_ids)


def decide_hint(*, flag_id: int, upheld: bool, reason: str, by: Actor, at: dt.datetime) -> Flag:
    """Somebody looked at a hint: it says something, or not. Nobody's hours change by it."""
    with step("hours.hint", by=by, at=at) as s:
        flag = s.lock(Flag, flag_id)
        if not flag.hint:
            raise WrongState
        _not_of(by, flag.org_id)
        flag.decided_at, flag.decided_by = at, by.user_id
        flag.reason = without_personal(reason.strip())[:200]
        s.move(
            flag,
            FLAG,
            "uphold" if upheld else "dismiss",
            reason=flag.reason,
            save=("decided_at", "decided_by", "reason"),
        )
        s.about("ledger.flag", flag.pk, flag.area_path)
    return flag


def _not_of(by: Actor, org_id: int) -> None:
    if any(g.org_id == org_id for g in by.grants):
        raise SecondDecider


def spare(*, rule: str, service_id: int, for_unit: bool, days: int, reason: str, by: Actor, at: dt.datetime) -> Spared:
    """A rule is left out for the person of a service, or for its unit, for some days: an honest reason that comes again.

    Raises: Invalid (L-400): longer than the rule allows, or no rule that holds; SecondDecider (L-909); Forbidden (L-403).
    """
    with step("hours.spare", by=by, at=at) as s:
        service = _service(by, service_id)
        s.require(Cap.REVIEW_HOURS, path=service.area_path)
        _not_of(by, service.org_id)
        if service.person.user_id == by.user_id:
            raise OwnHours
        if by.user_id is None:
            raise Forbidden
        row = rulebook.in_force((SPARED,), path=service.area_path, on=timezone.localtime(at).date())[SPARED]
        if rule not in BY_ID or BY_ID[rule].kind is not Class.HOLD or not 0 < days <= min(int(row.value), 180):
            raise Invalid(_("Choose a rule, and at most %(days)s days.") % {"days": row.value}, field="days")
        if not reason.strip():
            raise PaperMissing(field="reason", paper=pgettext("doubt", "the reason"))
        made = Spared.objects.create(
            rule=rule, person=None if for_unit else service.person, org=service.org if for_unit else None,
            area_path=service.area_path, since=at, until=at + dt.timedelta(days=days), by_id=by.user_id,
            reason=without_personal(reason.strip())[:200],
        )  # fmt: skip
        s.about(ledger.SUBJECT, service.pk, service.area_path)
        s.rule(row)
        s.record(made, left_out=rule, days=days, unit=for_unit)
    return made


# The night ------------------------------------------------------------------------------------------------------------
def look(*, at: dt.datetime) -> int:
    """Hints of H6 and H11 for every unit that recorded hours lately; once a month, once in 14 days. Five statements, and two
    for each county. Returns how many were new. Harmless when run twice."""
    with step("hours.look", by=SYSTEM, at=at) as s:
        units = {o.pk: o for o in Organisation.objects.filter(pk__in=Service.objects.values("org").distinct())}
        rules = {o.area_path: _rules(o.area_path, at) for o in units.values()}
        made = [*_clerks(s, units, rules), *_bursts(s, units, rules)]
        Flag.objects.bulk_create(made)
        s.about("ledger.flag", 0, "")
        s.record(new=len(made))
    return len(made)


def _rules(path: str, at: dt.datetime) -> tuple[Any, Any]:
    return rulebook.with_calendar(("ledger.h6.clerk", "ledger.h11.burst", WITHIN), path=path, at=at)


def _hint(s: Step, unit: Any, rules: tuple[Any, Any], *, rule: str, found: int, inputs: dict[str, Any]) -> Flag:
    rows, calendar = rules
    due = calendar.due(s.at, int(rows[WITHIN].value["amount"]), rows[WITHIN].value["unit"])
    return Flag(
        rule=rule, row_id=rows[BY_ID[rule].key].id, org_id=unit.pk, area_path=unit.area_path, hint=True, found=found,
        inputs=inputs, raised_at=s.at, due_at=due.at, due_rule_id=rows[WITHIN].id, unsure=due.provisional,
    )  # fmt: skip


def _told(rule: str, since: dt.datetime) -> set[int]:
    return set(Flag.objects.filter(rule=rule, raised_at__gte=since).values_list("org_id", flat=True))


def _clerks(s: Step, units: dict[int, Any], rules: dict[str, Any]) -> list[Flag]:
    """H6 over this month: who entered the approvals that nobody saw. A unit with one clerk is laid beside the others."""
    month = timezone.localtime(s.at, ZONE).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    rows = (
        Entry.objects.filter(kind=Kind.APPROVED, at__gte=month, at__lt=s.at, grade__in=OFFICE, superseded_by=None)
        .values_list("service__org", "by_id")
        .annotate(n=Sum("minutes"))
        .order_by()
    )
    by_unit: dict[int, dict[int, int]] = defaultdict(dict)
    for org, who, n in rows:
        by_unit[org][who or 0] = n
    alone = sorted(sum(x.values()) for x in by_unit.values() if len(x) == 1)
    middle = alone[len(alone) // 2] if len(alone) > 2 else None
    told = _told("h6", month)
    return [
        _hint(
            s, units[org], rules[units[org].area_path], rule="h6", found=percent,
            inputs={"from": month.isoformat(), "clerks": len(found)},
        )
        for org, found in by_unit.items()
        if org in units and org not in told
        for _who, percent in doubts.clerks(
            found, rules[units[org].area_path][0]["ledger.h6.clerk"].value, middle
        )[:1]
    ]  # fmt: skip


def _bursts(s: Step, units: dict[int, Any], rules: dict[str, Any]) -> list[Flag]:
    """H11: credited minutes of the last days beside as many days before, over the rule's weeks."""
    values = [r[0]["ledger.h11.burst"].value for r in rules.values()]
    if not values:
        return []
    longest = s.at - dt.timedelta(weeks=max(v["weeks"] for v in values))
    rows = (
        Service.objects.filter(credited__isnull=False, credited_from__gte=longest, credited_from__lt=s.at)
        .annotate(day=TruncDate("credited_from", tzinfo=ZONE))
        .values_list("org", "day")
        .annotate(n=Sum("credited"))
        .order_by()
    )
    by_unit: dict[int, dict[dt.date, int]] = defaultdict(dict)
    for org, day, n in rows:
        by_unit[org][day] = n
    today, found = timezone.localtime(s.at, ZONE).date(), []
    told = _told("h11", s.at - dt.timedelta(days=min(v["days"] for v in values)))
    for org, days in by_unit.items():
        if org not in units or org in told:
            continue
        rule = rules[units[org].area_path][0]["ledger.h11.burst"].value
        each = dt.timedelta(days=rule["days"])
        spans = [
            sum(n for day, n in days.items() if today - each * (i + 1) < day <= today - each * i)
            for i in range(rule["weeks"] * 7 // rule["days"])
        ]
        tenths = round(doubts.robust(spans[1:], spans[0]) * 10) if len(spans) > 2 else 0
        if tenths > rule["z"]:
            found.append(
                _hint(
                    s, units[org], rules[units[org].area_path], rule="h11", found=min(tenths, 10_000),
                    inputs={"from": (today - each).isoformat(), "minutes": spans[0], "before": spans[1:]},
                )
            )  # fmt: skip
    return found


def health(at: dt.datetime) -> dict[str, tuple[int, int]]:
    """{rule: (decided, of these upheld)} over the last decisions of each, as many as the rule says. One statement each and
    one."""
    last = int(rulebook.in_force((HEALTH,), path="", on=timezone.localtime(at).date())[HEALTH].value["last"])
    found = {}
    for rule in RULES:
        states = list(
            Flag.objects.filter(rule=rule.id, decided_at__isnull=False)
            .order_by("-decided_at")
            .values_list("state", flat=True)[:last]
        )
        found[rule.id] = (len(states), states.count("upheld"))
    return found


def demote(*, at: dt.datetime) -> list[str]:
    """HOLD rules that were wrong too often are only watched from now on: a new version of the rule row, with its event.
    What a person switches on again stays on until enough new decisions are in. Returns the rules."""
    on = timezone.localtime(at).date()
    rows = rulebook.in_force((HEALTH, WATCH_ONLY), path="", on=on)
    limit, now = rows[HEALTH].value, rows[WATCH_ONLY]
    since = dt.datetime.combine(now.valid_from, dt.time.min, ZONE)
    bad = {}
    for rule, (n, upheld) in health(at).items():
        if BY_ID[rule].kind is not Class.HOLD or rule in now.value or n < limit["least"]:
            continue
        fresh = Flag.objects.filter(rule=rule, decided_at__gte=since).aggregate(n=Count("pk"))["n"]
        if upheld * 100 < n * limit["demote"] and fresh >= limit["least"]:
            bad[rule] = (n, upheld)
    if bad:
        said = "；".join(f"{rule.upper()}：{n} 次里 {upheld} 次查实" for rule, (n, upheld) in bad.items())
        kept = Rule.objects.get(pk=now.id)
        set_rule(
            rule=NewRule(
                key=WATCH_ONLY, area_path="", value=sorted({*now.value, *bad}), citation=kept.citation, valid_from=on,
                applies_to={}, reason=f"查实的太少，改为只提醒工作人员。{said}",
            ),
            by=SYSTEM,
            at=at,
        )  # fmt: skip
    return sorted(bad)
