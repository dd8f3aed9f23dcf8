"""What the rules ask of a plan before it is posted, each with its source: the same list for who writes it, for who
looks at it, and for the step that posts it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from heli.rulebook.queries import RuleVersion
from heli.volunteering.gates import INSURANCE_FOR, needs_insurance
from heli.volunteering.models import Activity, Role, Shift

Words = str | Promise
NOT_SERVICE = "activity.not_service"
RULES = (INSURANCE_FOR, NOT_SERVICE)
NUMBERED = re.compile(r"[0-9０-９一二三四五六七八九十]")
LAW = _("Regulations on Volunteer Service, article %s")
OURS = _("a rule of this software")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing the rules ask: what it is, whether it is there, and where that is written. `field`: of the form."""

    key: str
    words: Words
    ok: bool
    source: Words
    field: str = ""
    note: str = ""  # what was found


def not_service(activity: Activity, words: Collection[str]) -> str:
    """The first word that says that this is no volunteer service; '' when there is none."""
    text = f"{activity.title}\n{activity.content}"
    return next((w for w in words if w in text), "")


def precise(activity: Activity) -> bool:
    """Somebody who has never been there finds it: a site, a point on the map, or an address with a number."""
    return activity.site_id is not None or activity.lat is not None or bool(NUMBERED.search(activity.place))


def checks(
    activity: Activity,
    roles: Sequence[Role],
    shifts: Sequence[Shift],
    rules: Mapping[str, RuleVersion],
    at: dt.datetime,
) -> list[Check]:
    """All of them, in the order a reviewer reads a plan. `shifts`: those
    to come: what has begun is not posted. Pure."""
    law = {n: LAW % n for n in (12, 14, 17)}
    word = not_service(activity, rules[NOT_SERVICE].value)
    last = max((s.ends for s in shifts), default=at)
    insured = bool(activity.insurer) and activity.insured_to is not None and activity.insured_to >= last.date()
    found = [
        Check("risks", _("The risks are stated"), bool(activity.risks), law[12], "risks"),
        Check("plan", _("The plan says who leads, how it goes, and what if"), bool(activity.plan), law[14], "plan"),
        Check("place", _("The place can be found by who has never been there"), precise(activity), law[14], "place"),
        Check("service", _("It is volunteer service"), not word, rules[NOT_SERVICE].citation, "title", word),
        Check("roles", _("Somebody is looked for"), any(not r.ended for r in roles), law[14]),
        Check("shifts", _("At least one shift is still to come"), bool(shifts), rules[NOT_SERVICE].citation),
    ]
    if activity.home or activity.silver:
        words = _("A social worker guides it: visits at home, and what is made for older volunteers")
        found.append(Check("guide", words, activity.guide_id is not None, OURS, "guide"))
    if needs_insurance(activity, activity.conditions, rules[INSURANCE_FOR].value):
        words = _("It says who insures those who serve, until after the last shift")
        source = rules[INSURANCE_FOR].citation
        found.append(Check("insurance", words, insured, source, "insurer", activity.insurer))
    return found


FIRST = ("risks", "plan", "service", "roles", "shifts")  # what an emergency cannot go without either
