"""The rates as versioned formulas: a rule row says which set is counted out of which; the sets are defined here, and
each opens its rows. Names of the sets are the rulebook's (rulebook.keys.SETS).

Sources: 国办函〔2025〕66号 (evaluate by tiers, no one-sided ranking); an open request past its deadline counts as not on time;
who was not reached or did not judge is in no numerator and, for the judged rates, in no denominator either: it is shown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from heli.core.scope import within
from heli.loop.models import Clock, Request
from heli.loop.states import AFTER_REPLY, OPEN
from heli.rulebook import queries as rulebook
from heli.rulebook.queries import RuleVersion

REPLY_KINDS = ("reply", "redo")
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


def late_reply() -> Q:
    """A reply or redo clock that was missed, or runs past its deadline."""
    return Q(Exists(Clock.objects.filter(request=OuterRef("pk"), kind__in=REPLY_KINDS, outcome="late")))


def sets(now: dt.datetime) -> Mapping[str, Q]:
    """The sets of requests a formula may name, over requests that are not excluded."""
    overdue = Q(state__in=OPEN) & Q(
        Exists(Clock.objects.filter(request=OuterRef("pk"), kind__in=REPLY_KINDS, outcome="running", due_at__lt=now))
    )
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
        "open": Q(state__in=OPEN),
        "overdue": overdue,
        "unrated": Q(state="lapsed", satisfaction=None),
        "waiting": Q(state="replied", satisfaction=None),
        "redo": Q(state="handling", lap__gt=1),
        "bounced": Q(state__in=("heard", "dispatched"), bounces__gte=2),
    }


def counted(paths: tuple[str, ...], since: dt.datetime, until: dt.datetime) -> QuerySet[Request]:
    """Requests heard in a span of time in some areas, twins and parts left to their main request, exclusions left out."""
    return Request.objects.filter(
        within("area_path", paths), heard_at__gte=since, heard_at__lt=until, excluded=False
    ).exclude(state__in=("merged", "withdrawn", "declined"))


def rows_of(name: str, qs: QuerySet[Request], now: dt.datetime) -> QuerySet[Request]:
    """The rows of one set: what a number opens."""
    return qs.filter(sets(now)[name])


def rates(paths: tuple[str, ...], since: dt.datetime, until: dt.datetime, now: dt.datetime) -> list[Rate]:
    """The four rates of some areas by the formulas in force there. Two statements."""
    keys = {k: f"rates.formula.{k}" for k in TITLES}
    rules = rulebook.in_force(list(keys.values()), path=min(paths, key=len) if paths else "", on=now.date())
    known = sets(now)
    wanted = {n for r in rules.values() for n in (r.value["count"], r.value["of"])}
    counts = counted(paths, since, until).aggregate(**{f"n_{n}": Count("pk", filter=known[n]) for n in wanted})
    made = []
    for key, rule_key in keys.items():
        rule = rules[rule_key]
        top, below = rule.value["count"], rule.value["of"]
        made.append(Rate(key, TITLES[key], counts[f"n_{top}"], counts[f"n_{below}"], top, below, rule))
    return made
