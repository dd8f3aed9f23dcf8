"""The rates as versioned formulas: a rule row says which set is counted out of which; the sets are defined here, and
each opens its rows. Names of the sets are the rulebook's (rulebook.shapes.SETS).

Sources: 国办函〔2025〕66号 (evaluate by tiers, no one-sided ranking); an open request past its deadline counts as not on time;
who was not reached or did not judge is in no numerator and, for the judged rates, in no denominator either: it is shown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from heli.core.scope import within
from heli.loop.clocks import local_day
from heli.loop.models import Clock, Request
from heli.loop.states import AFTER_REPLY, OPEN
from heli.rulebook import queries as rulebook
from heli.rulebook.queries import RuleVersion
from heli.rulebook.shapes import SETS

REPLY_KINDS = ("reply", "redo")
UNCOUNTED = ("merged", "withdrawn", "declined")  # a twin counts with its main request; the others were never ours to do
SPANS = (7, 30, 90)  # days that pages offer
SOON = dt.timedelta(days=2)
Words = str | Promise


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with what it was made of. `value` is None when there is nothing to count."""

    key: str
    title: Words
    count: int
    of: int
    count_set: str
    of_set: str
    rule: RuleVersion

    @property
    def value(self) -> float | None:
        return self.count / self.of if self.of else None


TITLES: Mapping[str, Words] = {
    "on_time": _("Done in time"),
    "response": _("Contacted"),
    "resolution": _("Solved, say residents"),
    "satisfaction": _("Satisfied residents"),
}
KEYS: Mapping[str, str] = {name: f"rates.formula.{name}" for name in TITLES}
# what the list of a set is called
SET_WORDS: Mapping[str, Words] = {
    **SETS,
    "counted": _("received"),
    "open": _("in hand"),
    "overdue": _("overdue and not done"),
    "due_soon": _("due within two days"),
    "unrated": _("not judged in time"),
    "waiting": _("answered, not judged yet"),
    "redo": _("not solved, being redone"),
    "bounced": _("sent back twice or more, nobody has it"),
    "excluded": _("left out of the rates"),
}


def late_reply() -> Q:
    """A reply or redo clock that was missed, or runs past its deadline."""
    return Q(Exists(Clock.objects.filter(request=OuterRef("pk"), kind__in=REPLY_KINDS, outcome="late")))


def sets(now: dt.datetime) -> Mapping[str, Q]:
    """The sets of requests a formula may name, over requests that are not excluded."""
    running = Clock.objects.filter(request=OuterRef("pk"), kind__in=REPLY_KINDS, outcome="running")
    overdue = Q(state__in=OPEN) & Q(Exists(running.filter(due_at__lt=now)))
    due_soon = Q(state__in=OPEN) & Q(Exists(running.filter(due_at__gte=now, due_at__lt=now + SOON)))
    judged = Q(satisfaction__isnull=False)
    replied = Q(state__in=AFTER_REPLY, replied_at__isnull=False)
    return {
        "judged": judged,
        "answered_contacted": judged & Q(contacted__isnull=False),
        "contacted": judged & Q(contacted=True),
        "answered_solved": judged & ~Q(solved=""),
        "solved": judged & Q(solved="yes"),
        "answered_satisfied": judged,
        "satisfied": judged & Q(satisfaction__gte=4),
        "replied_on_time": replied & ~late_reply(),
        "replied_or_overdue": replied | overdue,
        # beside the formulas: what is shown with them
        "counted": Q(pk__isnull=False),
        "open": Q(state__in=OPEN),
        "overdue": overdue,
        "due_soon": due_soon,
        "unrated": Q(state="lapsed", satisfaction=None),
        "waiting": Q(state="replied", satisfaction=None),
        "redo": Q(state="handling", lap__gt=1),
        "bounced": Q(state__in=("heard", "dispatched"), bounces__gte=2),
    }


def counted(paths: tuple[str, ...], since: dt.datetime, until: dt.datetime) -> QuerySet[Request]:
    """Requests heard in a span of time in some areas, twins and parts left to their main request, exclusions left out."""
    return Request.objects.filter(
        within("area_path", paths), heard_at__gte=since, heard_at__lt=until, excluded=False
    ).exclude(state__in=UNCOUNTED)


def span(now: dt.datetime, days: int) -> tuple[dt.datetime, dt.datetime]:
    """The last `days` days, today included: [first midnight, next midnight), local time."""
    first = dt.datetime.combine(local_day(now) - dt.timedelta(days=days - 1), dt.time())
    return timezone.make_aware(first), timezone.make_aware(first + dt.timedelta(days=days))


def rows_of(
    name: str,
    qs: QuerySet[Request],
    now: dt.datetime,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> QuerySet[Request]:
    """The rows of one set: what a number counts and opens. `name` is one of SET_WORDS.

    With a span: requests heard in it that the rates count ("excluded": those left out of them). Without: everything
    that is so now, left out of the rates or not, because it has to be dealt with all the same.
    """
    rows = qs.filter(excluded=True) if name == "excluded" else qs.filter(sets(now)[name])
    if since is None or until is None:
        return rows
    rows = rows.filter(heard_at__gte=since, heard_at__lt=until).exclude(state__in=UNCOUNTED)
    return rows if name == "excluded" else rows.filter(excluded=False)


def rates(paths: tuple[str, ...], since: dt.datetime, until: dt.datetime, now: dt.datetime) -> list[Rate]:
    """The four rates of some areas by the formulas in force there. Two statements."""
    rules = rulebook.in_force(list(KEYS.values()), path=min(paths, key=len) if paths else "", on=local_day(now))
    known = sets(now)
    counts = counted(paths, since, until).aggregate(**{f"n_{n}": Count("pk", filter=known[n]) for n in named(rules)})
    return made(rules, {n: counts[f"n_{n}"] for n in named(rules)})


def named(rules: Mapping[str, RuleVersion]) -> set[str]:
    """The sets that the formulas among these rules count."""
    return {n for key in KEYS.values() for n in (rules[key].value["count"], rules[key].value["of"])}


def made(rules: Mapping[str, RuleVersion], counts: Mapping[str, int]) -> list[Rate]:
    """The four rates by these formulas from the sizes of the sets they name."""
    found = []
    for name, key in KEYS.items():
        rule = rules[key]
        top, below = rule.value["count"], rule.value["of"]
        found.append(Rate(name, TITLES[name], counts[top], counts[below], top, below, rule))
    return found
